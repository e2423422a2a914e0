//! The raw log of Linux' audit daemon (`/var/log/audit/audit.log`): records of one event carry the same serial number and are joined.

mod event;
mod files;
mod line;
mod reader;
mod sockaddr;
mod syscalls;
mod translate;

pub(super) use reader::AuditdReader;
