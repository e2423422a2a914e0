//! Which policy is in force, and what its variables stand for.

use std::path::Path;

use super::error::RunError;
use crate::config::{Environment, PolicyChoice};
use crate::event::OsText;
use crate::policy::{Policy, Variables};

/// Names of the environment that policies may use, beside `WORKSPACE`.
const FROM_ENVIRONMENT: [&str; 5] = ["HOME", "USER", "TMPDIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME"];

/// The variables of a policy for a workspace.
#[must_use]
pub fn variables(workspace: &Path, environment: &Environment) -> Variables {
    FROM_ENVIRONMENT.iter().fold(Variables::new().with("WORKSPACE", workspace), |variables, name| match environment.get(name) {
        Some(value) => variables.with(name, OsText::from(value)),
        None => variables,
    })
}

/// Reads and compiles the policy that was chosen.
///
/// # Errors
/// [`RunError::PolicyFile`] or [`RunError::Policy`].
pub fn load_policy(choice: &PolicyChoice, variables: &Variables) -> Result<Policy, RunError> {
    let compiled = match choice {
        PolicyChoice::BuiltIn => Policy::built_in(variables),
        PolicyChoice::File(path) => {
            let text = std::fs::read_to_string(path).map_err(|source| RunError::PolicyFile { path: path.clone(), source })?;
            Policy::parse_and_compile(&path.display().to_string(), &text, variables)
        }
    };
    compiled.map_err(|error| RunError::Policy(Box::new(error)))
}
