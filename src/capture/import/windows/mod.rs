//! What Windows and Sysmon say, as events: the same for a binary log and for JSON lines.

mod fields;
mod registry;
mod security;
mod sysmon;

pub(super) use fields::Fields;
pub(super) use security::Handles;

use super::record::Told;
use crate::event::Timestamp;

/// What stands around a record's data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header<'a> {
    pub(super) provider: &'a str,
    pub(super) code: &'a str,
    pub(super) host: &'a str,
    pub(super) keywords: &'a str,
    pub(super) time: Timestamp,
}

/// What a record tells of; `None` where no kind fits it.
pub(super) fn translate(header: &Header<'_>, fields: &Fields<'_>, handles: &mut Handles) -> Option<Vec<Told>> {
    let told = match header.provider {
        "Microsoft-Windows-Sysmon" | "Linux-Sysmon" => vec![sysmon::translate(header, fields)?],
        "Microsoft-Windows-Security-Auditing" => vec![security::translate(header, fields, handles)?],
        _ => return None,
    };
    Some(told)
}
