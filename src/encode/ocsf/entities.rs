//! The objects that several classes share: files, processes, users, endpoints.

use std::borrow::Cow;
use std::net::IpAddr;

use super::object::Object;
use crate::event::{Actor, FileType, OsText};

/// `file.type_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileKind(u8);

impl FileKind {
    pub(super) const UNKNOWN: Self = Self(0);
    pub(super) const REGULAR: Self = Self(1);
    pub(super) const FOLDER: Self = Self(2);
    pub(super) const SYMLINK: Self = Self(7);

    pub(super) const fn of(file_type: FileType) -> Self {
        Self(match file_type {
            FileType::Regular => 1,
            FileType::Directory => 2,
            FileType::CharDevice => 3,
            FileType::BlockDevice => 4,
            FileType::Socket => 5,
            FileType::Fifo => 6,
            FileType::Symlink => 7,
        })
    }
}

/// The bytes as consumers match them: UTF-8 as it is, anything else in the escaped form that [`OsText`] documents.
pub(super) fn text(text: &OsText) -> Cow<'_, str> {
    std::str::from_utf8(text.as_bytes()).map_or_else(|_| text.as_text(), Cow::Borrowed)
}

/// The same for the text form that an event's subject has.
pub(super) fn of_subject(subject: &str) -> String {
    OsText::from_text(subject).map_or_else(|_| subject.to_owned(), |os| text(&os).into_owned())
}

/// The folder and the name of a path; paths without a slash may be of Windows.
fn split(path: &str) -> (Option<&str>, &str) {
    let separator = if path.contains('/') { '/' } else { '\\' };
    match path.trim_end_matches(separator).rsplit_once(separator) {
        Some((folder, name)) if !name.is_empty() => (Some(if folder.is_empty() { "/" } else { folder }), name),
        _ => (None, path),
    }
}

pub(super) fn base_name(path: &str) -> &str {
    split(path).1
}

pub(super) fn file(path: &str, kind: FileKind) -> Object {
    let (folder, name) = split(path);
    Object::new().with("name", name).with("path", path).maybe("parent_folder", folder).with("type_id", kind.0)
}

fn user(uid: Option<u32>, gid: Option<u32>, name: Option<&str>) -> Option<Object> {
    let group = gid.map(|gid| Object::new().with("uid", gid.to_string()));
    let is_known = uid.is_some() || name.is_some();
    is_known.then(|| Object::new().maybe("uid", uid.map(|uid| uid.to_string())).maybe("name", name).list("groups", group))
}

/// The owner that a file is given.
pub(super) fn owner(uid: Option<u32>, gid: Option<u32>) -> Option<Object> {
    user(uid, gid, None)
}

/// The process of an actor.
pub(super) fn process(actor: &Actor) -> Object {
    let exe = actor.exe.as_ref().map(text);
    let name = actor.comm.as_ref().map(text).or_else(|| exe.as_deref().map(|exe| Cow::Owned(base_name(exe).to_owned())));
    Object::new()
        .with("pid", actor.pid)
        .maybe("name", name)
        .maybe("path", exe.as_deref())
        .maybe("file", exe.as_deref().map(|exe| file(exe, FileKind::REGULAR)))
        .maybe("working_directory", actor.cwd.as_ref().map(text))
        .maybe("user", user(actor.uid, actor.gid, actor.user.as_deref()))
        .maybe("parent_process", actor.ppid.map(|ppid| Object::new().with("pid", ppid)))
}

/// A program as a process: `uid` stands in where the number of the process is not known, since one of them must be there.
pub(super) fn program(path: Option<&str>, pid: Option<u32>, uid: &str) -> Object {
    let process = match pid {
        Some(pid) => Object::new().with("pid", pid),
        None => Object::new().with("uid", uid),
    };
    process.maybe("name", path.map(base_name)).maybe("path", path).maybe("file", path.map(|path| file(path, FileKind::REGULAR)))
}

/// The user of an actor.
pub(super) fn user_of(actor: &Actor) -> Option<Object> {
    user(actor.uid, actor.gid, actor.user.as_deref())
}

/// An endpoint; it needs a name of some sort, so one that has none is called `unknown`.
pub(super) fn endpoint(host: Option<&str>, address: Option<IpAddr>, port: Option<u16>) -> Object {
    let address = address.or_else(|| host.and_then(|host| host.parse().ok()));
    let endpoint = Object::new().maybe("hostname", host).maybe("ip", address.map(|address| address.to_string()));
    let endpoint = if host.is_none() && address.is_none() { endpoint.with("name", "unknown") } else { endpoint };
    endpoint.maybe("port", port)
}

/// An endpoint from `host:port`, `[v6]:port` or a host alone.
pub(super) fn endpoint_of_subject(subject: &str) -> Object {
    let (host, port) = match subject.rsplit_once(':') {
        Some((host, port)) => match port.parse::<u16>() {
            Ok(port) => (host, Some(port)),
            Err(_) => (subject, None),
        },
        None => (subject, None),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    endpoint((!host.is_empty()).then_some(host), None, port)
}

/// Arguments as one line that a POSIX shell would split into the same list.
pub(super) fn command_line(argv: &[OsText]) -> Option<String> {
    let quoted = argv.iter().map(|argument| {
        let argument = text(argument);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&byte);
        if !argument.is_empty() && argument.bytes().all(plain) {
            argument.into_owned()
        } else {
            format!("'{}'", argument.replace('\'', "'\\''"))
        }
    });
    (!argv.is_empty()).then(|| quoted.collect::<Vec<_>>().join(" "))
}
