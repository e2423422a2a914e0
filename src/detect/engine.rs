//! `Engine`: what looks at events, whatever language its rules are written in.

use super::finding::{Finding, RuleInfo};
use crate::event::JournaledEvent;

/// What an engine remembers of a session for rules that span several events, as text that it can read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionState {
    /// The session; empty for events without one.
    pub session: String,
    /// The state; `None` when there is nothing to remember any more.
    pub state: Option<String>,
}

/// Looks at one event after the other, in the journal's order.
///
/// An engine holds two things of a session: its **tables** (processes, requests), which follow from the session's events alone and are
/// made anew by [`Engine::remember`]; and its **state** (what correlations have counted), which is kept with the cursor.
pub trait Engine: Send {
    /// The rules, in the order of their numbers in findings.
    fn rules(&self) -> &[RuleInfo];

    /// Whether the session's tables and state are at hand. If not, [`Engine::take_up`] and [`Engine::remember`] come first.
    fn knows(&self, session: &str) -> bool;

    /// Begins with a session that is not at hand, with the state that was kept of it. `false` when the state cannot be read, and the
    /// session begins anew.
    fn take_up(&mut self, session: &str, state: Option<&str>) -> bool;

    /// Lets an event of the past into the tables, without asking any rule.
    fn remember(&mut self, event: &JournaledEvent);

    /// Lets an event into the tables and asks the rules. Appends what they found.
    fn look(&mut self, event: &JournaledEvent, found: &mut Vec<Finding>);

    /// The states that changed since the last call.
    fn changed(&mut self) -> Vec<SessionState>;
}
