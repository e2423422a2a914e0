//! The demo's workspace: decoys, a web server and a script; gone when it is dropped.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::site::Site;
use crate::app::RunRequest;
use crate::config::PolicyChoice;
use crate::runtime::ids;

/// A token of GitHub's shape that was never one.
const TOKEN: &str = concat!("gh", "p_", "agentshDemoNotARealToken000000000000");

/// Why the demo cannot begin.
#[derive(Debug, thiserror::Error)]
#[error("the demo cannot be set up in {}: {source}", path.display())]
pub struct DemoError {
    /// Where.
    path: PathBuf,
    /// What the system said.
    source: io::Error,
}

/// A temporary workspace with decoys in it, and a web server.
pub struct Stage {
    workspace: PathBuf,
    site: Site,
}

impl Stage {
    /// Builds it beneath `temporary`.
    ///
    /// # Errors
    /// [`DemoError`] when files cannot be made there or no port can be opened on loopback.
    pub fn build(temporary: &Path) -> Result<Self, DemoError> {
        let name: String = ids::random::<4>().iter().map(|byte| format!("{byte:02x}")).collect();
        let workspace = temporary.join(format!("agentsh-demo-{name}"));
        let failed = |source| DemoError { path: workspace.clone(), source };
        fs::DirBuilder::new().mode(0o700).create(&workspace).map_err(failed)?;
        let site = furnish(&workspace).and_then(|()| Site::start());
        match site {
            Ok(site) => Ok(Self { workspace, site }),
            Err(source) => {
                let _nothing_else_to_do = fs::remove_dir_all(&workspace);
                Err(failed(source))
            }
        }
    }

    /// What to run in it.
    #[must_use]
    pub fn request(&self, env: Vec<(OsString, OsString)>, program: PathBuf) -> RunRequest {
        let ours = [
            ("HOME", self.workspace.join("home").into_os_string()),
            ("DEMO_URL", self.site.url().into()),
            ("DEMO_TOKEN", TOKEN.into()),
        ];
        let mut env = env;
        env.retain(|(name, _)| !ours.iter().any(|(known, _)| name == known));
        env.extend(ours.into_iter().map(|(name, value)| (name.into(), value)));
        RunRequest {
            argv: vec!["sh".into(), "demo.sh".into()],
            env,
            cwd: self.workspace.clone(),
            workspace: self.workspace.clone(),
            policy: PolicyChoice::BuiltIn,
            program,
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.workspace) {
            tracing::warn!(%error, path = %self.workspace.display(), "the demo's workspace cannot be removed");
        }
    }
}

fn furnish(workspace: &Path) -> io::Result<()> {
    for folder in ["home/.ssh", ".git/hooks"] {
        fs::create_dir_all(workspace.join(folder))?;
    }
    fs::write(workspace.join("demo.sh"), include_str!("session.sh"))?;
    fs::write(workspace.join("home/.bashrc"), "# start-up file of the demo\n")?;
    let key = workspace.join("home/.ssh/id_ed25519");
    fs::write(&key, "a decoy, not a key\n")?;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600))
}
