//! What a session is told of Wine: the variable that makes programs start their server with a trace, and the report on the layer.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

use crate::event::{Layer, LayerReport, LayerState};

/// The variable that says what Wine writes of itself.
const WINEDEBUG: &str = "WINEDEBUG";
/// Bytes of a script that are looked at.
const LONGEST_SCRIPT: u64 = 64 * 1024;

/// Wine, where it is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wine {
    /// The program that is started as `wine`.
    pub program: PathBuf,
}

impl Wine {
    /// Looks for `wine` on a `PATH`.
    #[must_use]
    pub fn find(path: &OsStr) -> Option<Self> {
        let folders = path.as_bytes().split(|byte| *byte == b':').filter(|folder| !folder.is_empty());
        let candidates =
            folders.flat_map(|folder| ["wine", "wine64"].map(|name| PathBuf::from(OsStr::from_bytes(folder)).join(name)));
        candidates.into_iter().find(|program| program.is_file()).map(|program| Self { program })
    }

    /// The value that makes a program start its server with a trace and changes nothing else: what was there, and the channel `server`.
    /// A program writes nothing to that channel itself.
    #[must_use]
    pub fn debug(&self, before: Option<&OsStr>) -> OsString {
        let before = before.filter(|before| !before.is_empty()).map(OsStr::to_owned).or_else(|| self.usual());
        let mut value = before.unwrap_or_default().into_vec();
        if !value.is_empty() {
            value.push(b',');
        }
        value.extend_from_slice(b"+server");
        OsString::from_vec(value)
    }

    /// What a script in the place of `wine` sets where nobody set anything, as Debian's does.
    fn usual(&self) -> Option<OsString> {
        use std::io::Read as _;
        let mut script = Vec::new();
        std::fs::File::open(&self.program).ok()?.take(LONGEST_SCRIPT).read_to_end(&mut script).ok()?;
        if !script.starts_with(b"#!") {
            return None;
        }
        let text = String::from_utf8_lossy(&script);
        let value = text.lines().find_map(|line| line.trim().strip_prefix("export WINEDEBUG="))?;
        let value = value.trim_matches(['"', '\'']);
        (!value.contains(['$', '`', ' '])).then(|| OsString::from(value))
    }

    /// Sets the variable in an environment.
    pub fn set(&self, env: &mut Vec<(OsString, OsString)>) {
        let before = env.iter().rfind(|(name, _)| name == WINEDEBUG).map(|(_, value)| value.clone());
        env.retain(|(name, _)| name != WINEDEBUG);
        env.push((WINEDEBUG.into(), self.debug(before.as_deref())));
    }
}

/// What can be seen of the registry in a session: with Wine, if programs are seen when they start.
#[must_use]
pub fn registry_layer(enabled: bool, wine: Option<&Wine>, programs_are_stopped: bool) -> LayerReport {
    let absent = |reason: &str, remedy: Option<&str>| LayerReport {
        layer: Layer::Registry,
        state: LayerState::Absent,
        mechanism: None,
        reason: Some(reason.to_owned()),
        remedy: remedy.map(str::to_owned),
    };
    match wine {
        _ if !enabled => absent("it is switched off in the configuration", Some("set sandbox.registry.wine: true")),
        None => absent(
            "Linux itself has none, and Wine, whose registry would be seen, is not installed; other machines' come in through sensors and \
             imports",
            None,
        ),
        Some(_) if !programs_are_stopped => absent("Wine's server is not seen when it starts", None),
        Some(_) => LayerReport {
            layer: Layer::Registry,
            state: LayerState::Observing,
            mechanism: Some("the trace of Wine's server".to_owned()),
            reason: Some(
                "an operation has happened when it is seen, so policy only says what it would have decided; a Wine server that ran \
                 before is not seen"
                    .to_owned(),
            ),
            remedy: None,
        },
    }
}
