//! Section `sessions` of the configuration.

use serde::Deserialize;

use crate::runtime::units::Millis;

/// Sessions on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionsConfig {
    /// A session in which no command runs ends after this time, counted from its last command's end; `0s` is never.
    pub idle_timeout: Millis,
    /// A session ends after this time, whatever runs in it; `0s` is never.
    pub hard_timeout: Millis,
    /// How long a command that is told to end (SIGTERM) has before it is killed. Longer lets work be finished; ending a session, and
    /// stopping the server, may take that long.
    pub grace: Millis,
    /// Sessions that are open at once; a further one is refused. Each holds a mount and a share of the limit of open files.
    pub max_sessions: u32,
    /// Commands that run at once, in all sessions; a further one is refused.
    pub max_commands: u32,
}

impl Default for SessionsConfig {
    fn default() -> Self {
        Self {
            idle_timeout: Millis::new(1_800_000),
            hard_timeout: Millis::new(0),
            grace: Millis::new(5_000),
            max_sessions: 32,
            max_commands: 128,
        }
    }
}
