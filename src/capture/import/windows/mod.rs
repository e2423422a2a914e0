//! What Windows and Sysmon say, as events: the same for a binary log and for JSON lines.

mod fields;
mod registry;
mod security;
mod sysmon;
mod translate;

pub(super) use fields::Fields;
pub(super) use security::Handles;
pub(super) use translate::{Header, translate};
