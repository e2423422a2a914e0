//! `agentsh policy`: check a policy's text, and show the one that is built in.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use miette::{GraphicalReportHandler, GraphicalTheme};
use thiserror::Error;

use crate::app::{MAX_TEXT_BYTES, Policy, PolicyError, Variables};

/// The subcommands of `agentsh policy`.
#[derive(Debug, clap::Subcommand)]
pub enum PolicyCommand {
    /// Check a policy file: unknown keys and words, patterns that match nothing, rules of the same name
    Validate {
        /// The policy file (YAML)
        file: PathBuf,
    },
    /// Print the policy that is built in, as a start for your own
    Show,
}

/// Why a subcommand of `agentsh policy` failed.
#[derive(Debug, Error)]
pub enum PolicyCommandError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}; check the path and its permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not text.
    #[error("{} is not a policy: it is not UTF-8 text; save it as UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// The text is not a policy.
    #[error(transparent)]
    Invalid(#[from] PolicyError),
    /// The answer cannot be written.
    #[error("cannot write the answer: {0}; check where the output goes")]
    Write(io::Error),
}

/// Runs a subcommand and returns the exit code: 0, or 1 if the policy is not valid or cannot be read.
#[must_use]
pub fn run(command: PolicyCommand) -> ExitCode {
    let mut out = io::stdout().lock();
    let result = match command {
        PolicyCommand::Validate { file } => validate(&file, &variables_here(), &mut out),
        PolicyCommand::Show => out.write_all(Policy::built_in_text().as_bytes()).map_err(PolicyCommandError::Write),
    };
    match result.and_then(|()| out.flush().map_err(PolicyCommandError::Write)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where even stderr is closed, the exit code still tells.
            let _ = write!(io::stderr().lock(), "{}", report(&error, GraphicalTheme::default()));
            ExitCode::FAILURE
        }
    }
}

/// Checks a policy file and writes one line that says what it holds.
///
/// # Errors
/// [`PolicyCommandError`] when the file cannot be read, is no policy, or the line cannot be written.
pub fn validate(path: &Path, variables: &Variables, out: &mut dyn Write) -> Result<(), PolicyCommandError> {
    let text = read_text(path)?;
    let policy = Policy::parse_and_compile(&path.display().to_string(), &text, variables)?;
    let rules = policy.rule_counts();
    writeln!(
        out,
        "ok: {}, {} rules (file {}, network {}, command {}, registry {}), digest {}",
        policy.name(),
        rules.total(),
        rules.file,
        rules.network,
        rules.command,
        rules.registry,
        policy.digest()
    )
    .map_err(PolicyCommandError::Write)
}

/// Reads a policy file; of one that is too large, no more than shows that it is.
///
/// # Errors
/// [`PolicyCommandError`] when the file cannot be read or is not text.
pub fn read_text(path: &Path) -> Result<String, PolicyCommandError> {
    let unreadable = |source| PolicyCommandError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_TEXT_BYTES).unwrap_or(u64::MAX);
    File::open(path).map_err(unreadable)?.take(limit.saturating_add(4)).read_to_end(&mut bytes).map_err(unreadable)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        // The cut may fall into a character; such a text is too large anyway, and the policy says so.
        Err(error) if error.as_bytes().len() > MAX_TEXT_BYTES => Ok(String::from_utf8_lossy(error.as_bytes()).into_owned()),
        Err(_) => Err(PolicyCommandError::NotText { path: path.to_owned() }),
    }
}

/// The error for a terminal: with an excerpt of the policy where it points into one, else in one line.
#[must_use]
pub fn report(error: &PolicyCommandError, theme: GraphicalTheme) -> String {
    let mut text = String::new();
    if let PolicyCommandError::Invalid(invalid) = error {
        let handler = GraphicalReportHandler::new_themed(theme).with_links(false);
        if handler.render_report(&mut text, &invalid.explained()).is_ok() {
            return text;
        }
    }
    format!("error: {error}\n")
}

/// The values that a session started here would give: the working directory is its workspace.
fn variables_here() -> Variables {
    let mut variables = Variables::new();
    if let Ok(workspace) = std::env::current_dir() {
        variables = variables.with("WORKSPACE", workspace.as_path());
    }
    if let Some(home) = std::env::home_dir() {
        variables = variables.with("HOME", home.as_path());
    }
    variables
}
