//! Which of the providers of Windows wrote a record.

use super::security::Handles;
use super::{Fields, security, sysmon};
use crate::capture::import::record::Told;
use crate::event::Timestamp;

/// What stands around a record's data.
#[derive(Clone, Copy, Debug)]
pub(in crate::capture::import) struct Header<'a> {
    pub(in crate::capture::import) provider: &'a str,
    pub(in crate::capture::import) code: &'a str,
    pub(in crate::capture::import) host: &'a str,
    pub(in crate::capture::import) keywords: &'a str,
    pub(in crate::capture::import) time: Timestamp,
}

/// What a record tells of; `None` where no kind fits it.
pub(in crate::capture::import) fn translate(
    header: &Header<'_>,
    fields: &Fields<'_>,
    handles: &mut Handles,
) -> Option<Vec<Told>> {
    let told = match header.provider {
        "Microsoft-Windows-Sysmon" | "Linux-Sysmon" => vec![sysmon::translate(header, fields)?],
        "Microsoft-Windows-Security-Auditing" => vec![security::translate(header, fields, handles)?],
        _ => return None,
    };
    Some(told)
}
