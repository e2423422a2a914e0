//! Events about an operation: its class and activity, with what their subject tells of it.

use super::activity::{class, usual};
use super::class::{Class, Mapping};
use super::entities::{FileKind, endpoint_of_subject, file, of_subject, program};
use super::object::Object;
use super::record::Body;
use super::registry;
use crate::event::{Event, Family, Kind};

/// A record with the class and the activity of `operation`.
pub(super) fn operation(event: &Event, operation: Kind, subject: Option<&str>) -> Body {
    let class = match class(operation) {
        // A finding is no operation, nor is what is itself about one.
        Mapping::To(Class::Finding) | Mapping::OfOperation => Class::Process,
        Mapping::To(class) => class,
    };
    let activity = if matches!(self::class(operation), Mapping::To(own) if own == class) { usual(operation) } else { 99 };
    let body = Body::new(class, activity).named(operation);
    let subject = subject.unwrap_or("unknown");
    let fields = Object::new();
    body.fields(match class {
        Class::File => {
            let is_folder = matches!(operation, Kind::DirCreate | Kind::DirDelete | Kind::DirList);
            let kind = if is_folder { FileKind::FOLDER } else { FileKind::UNKNOWN };
            fields.with("file", file(&of_subject(subject), kind))
        }
        Class::Process | Class::Finding => {
            // Of a signal and an access it is another process: its number, or its program.
            let is_other = matches!(operation, Kind::SignalSent | Kind::ProcessAccess | Kind::ProcessFork);
            let (path, pid) = match subject.parse::<u32>() {
                Ok(pid) if is_other => (None, Some(pid)),
                _ if is_other => (Some(of_subject(subject)), None),
                _ => (Some(of_subject(subject)), event.actor.as_ref().map(|actor| actor.pid)),
            };
            fields.with("process", program(path.as_deref(), pid, &event.id.to_string()))
        }
        Class::Network if operation.family() == Family::Ipc => {
            fields.with("dst_endpoint", Object::new().with("name", of_subject(subject)))
        }
        Class::Network => fields.with("dst_endpoint", endpoint_of_subject(subject)),
        Class::Http => fields.with("http_request", Object::new().with("url", Object::new().with("url_string", subject))),
        Class::Dns => fields
            .with("query", Object::new().with("hostname", subject))
            .with("dst_endpoint", Object::new().with("name", "resolver")),
        Class::RegistryKey => fields.with("reg_key", registry::key(subject)),
        Class::RegistryValue => {
            let (key, name) = subject.rsplit_once('\\').unwrap_or((subject, ""));
            fields.with("reg_value", registry::value(key, name))
        }
    })
}
