//! `WineState`: what the trace has told so far, and what the next line means.
//!
//! A request names keys by the handles of its process, so the state keeps, for each process, which key a handle stands for. Operations of
//! the program are told from those of Wine itself by process: what Wine starts on its own account (`wineboot`, `services`,
//! `winedevice`, the desktop and what these start of Wine's own) is followed but not reported, and neither is what the loader does before
//! a program's first instruction. One exception: what the service manager writes below `Services` once Wine is up, it writes for a program.

use std::collections::HashMap;
use std::sync::Arc;

use super::line::{Line, bytes, field, hex, text, within};
use super::value::{data, value_type};
use crate::event::{
    Payload, RegistryCreateKey, RegistryDeleteKey, RegistryDeleteValue, RegistryOpenKey, RegistryQueryValue, RegistryRenameKey,
    RegistrySetValue, registry_key,
};

/// Keys that a process may have open; what it opens beyond them is not known by its handle.
const MOST_KEYS: usize = 65_536;
/// `PROCESS_CREATE_FLAGS_INHERIT_HANDLES`.
const INHERITS: u32 = 4;
/// The handle by which a process names itself.
const ITSELF: &str = "ffffffff";

/// What Wine starts on its own account, by the programs' names.
const OWN: [&str; 9] = [
    "wineboot.exe",
    "services.exe",
    "winedevice.exe",
    "plugplay.exe",
    "svchost.exe",
    "rpcss.exe",
    "explorer.exe",
    "winemenubuilder.exe",
    "conhost.exe",
];

/// What a line has shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// A process has come; it can be looked at under its number on this system.
    Process(u32),
    /// An operation.
    Operation(Box<Operation>),
    /// An operation on a key that is not known, since its handle came from elsewhere.
    Unknown,
}

/// A registry operation of a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// The process, by its number on this system.
    pub pid: u32,
    /// The Windows program that it runs.
    pub image: Option<Arc<str>>,
    /// What it did.
    pub payload: Payload,
    /// Why it did not succeed: the name of an NTSTATUS.
    pub failed: Option<String>,
}

/// A process of the prefix.
#[derive(Debug, Default)]
struct Process {
    pid: u32,
    image: Option<Arc<str>>,
    /// The last program that it opened before it ran: the one it runs, where nobody said.
    opened: Option<Arc<str>>,
    /// Whether Wine started it on its own account.
    own: bool,
    /// Whether its program runs.
    runs: bool,
    keys: HashMap<u32, Arc<str>>,
}

#[derive(Debug, Default)]
struct Thread {
    process: u32,
    asked: Option<Asked>,
    /// The value whose data did not fit: the query that follows for it is the same operation.
    again: Option<(u32, String)>,
}

/// A request that waits for its answer.
#[derive(Debug)]
enum Asked {
    NewProcess { image: Option<Arc<str>>, inherits: bool },
    NewThread { own: bool },
    FirstThread { pid: u32 },
    ProcessDone,
    OpenFile { name: String },
    Key { path: Option<Arc<str>>, create: bool, access: u32 },
    Delete { key: u32 },
    SetValue { key: u32, payload: RegistrySetValue },
    Query { key: u32, name: String },
    DeleteValue { key: u32, name: String },
    Rename { key: u32, name: String },
    Close { handle: u32 },
    Duplicate { handle: u32 },
}

/// What is known of a Wine prefix.
#[derive(Debug, Default)]
pub struct WineState {
    processes: HashMap<u32, Process>,
    threads: HashMap<u32, Thread>,
}

impl WineState {
    /// Takes the next line in.
    pub fn line(&mut self, line: &str) -> Option<Seen> {
        match Line::parse(line)? {
            Line::Request { thread, name, arguments } => {
                let asked = self.ask(thread, name, arguments);
                self.threads.entry(thread).or_default().asked = asked;
                None
            }
            Line::Reply { thread, name: _, status, results } => {
                let asked = self.threads.get_mut(&thread)?.asked.take()?;
                self.answer(thread, asked, status, results)
            }
            Line::ThreadGone { thread } => {
                self.threads.remove(&thread);
                None
            }
            Line::ProcessGone { process } => {
                self.processes.remove(&process);
                self.threads.retain(|_, thread| thread.process != process);
                None
            }
        }
    }

    fn ask(&self, thread: u32, name: &str, arguments: &str) -> Option<Asked> {
        let number = |name| field(arguments, name).and_then(hex);
        let words = |name| field(arguments, name).and_then(text);
        Some(match name {
            "new_process" => {
                let image = field(arguments, "info").and_then(|info| within(info, "imagepath")).and_then(text);
                let image = image.filter(|image| !image.is_empty()).map(|image| Arc::from(without_prefix(&image)));
                Asked::NewProcess { image, inherits: number("flags").is_some_and(|flags| flags & INHERITS != 0) }
            }
            "new_thread" => Asked::NewThread { own: field(arguments, "process") == Some(ITSELF) },
            "init_first_thread" => Asked::FirstThread { pid: field(arguments, "unix_pid")?.parse().ok()? },
            "init_process_done" => Asked::ProcessDone,
            "create_file" => {
                let name = within(field(arguments, "objattr")?, "name").and_then(text)?;
                let program = name.len() > 4 && name.get(name.len() - 4..).is_some_and(|end| end.eq_ignore_ascii_case(".exe"));
                return program.then(|| Asked::OpenFile { name: without_prefix(&name).to_owned() });
            }
            "create_key" => {
                let attributes = field(arguments, "objattr")?;
                let root = within(attributes, "rootdir").and_then(hex)?;
                let name = within(attributes, "name").and_then(text)?;
                Asked::Key { path: self.path(thread, root, &name), create: true, access: number("access")? }
            }
            "open_key" => {
                let path = self.path(thread, number("parent")?, &words("name")?);
                Asked::Key { path, create: false, access: number("access")? }
            }
            "delete_key" => Asked::Delete { key: number("hkey")? },
            "set_key_value" => {
                let kind = value_type(field(arguments, "type")?.parse().unwrap_or(u32::MAX));
                let (value_name, raw) = (words("name")?, field(arguments, "data").unwrap_or_default());
                let bytes = bytes(raw);
                let size = total(raw).unwrap_or_else(|| u64::try_from(bytes.len()).unwrap_or(u64::MAX));
                let data = Some(data(kind, &value_name, &bytes));
                let payload =
                    RegistrySetValue { key: String::new(), value_name, value_type: kind, data, size: Some(size), details: None };
                Asked::SetValue { key: number("hkey")?, payload }
            }
            "get_key_value" => Asked::Query { key: number("hkey")?, name: words("name")? },
            "delete_key_value" => Asked::DeleteValue { key: number("hkey")?, name: words("name")? },
            "rename_key" => Asked::Rename { key: number("hkey")?, name: words("name")? },
            "close_handle" => Asked::Close { handle: number("handle")? },
            "dup_handle" => {
                let itself = |name| field(arguments, name) == Some(ITSELF);
                let handle = number("src_handle")?;
                return (itself("src_process") && itself("dst_process")).then_some(Asked::Duplicate { handle });
            }
            _ => return None,
        })
    }

    fn answer(&mut self, thread: u32, asked: Asked, status: &str, results: &str) -> Option<Seen> {
        let number = |name| field(results, name).and_then(hex);
        // `OBJECT_NAME_EXISTS` is a success: the key was there, and is open.
        let succeeded = matches!(status, "0" | "OBJECT_NAME_EXISTS");
        let again = self.threads.get_mut(&thread).and_then(|thread| thread.again.take());
        match asked {
            Asked::FirstThread { pid } if succeeded => {
                let process = number("pid")?;
                self.threads.entry(number("tid")?).or_default().process = process;
                self.processes.entry(process).or_default().pid = pid;
                Some(Seen::Process(pid))
            }
            Asked::NewThread { own } if succeeded => {
                // Another process's first thread says itself whose it is.
                if let Some(process) = self.process_of(thread).filter(|_| own) {
                    self.threads.entry(number("tid")?).or_default().process = process;
                }
                None
            }
            Asked::NewProcess { image, inherits } if succeeded => {
                let creator = self.processes.get(&self.process_of(thread)?);
                let by_wine = creator.is_some_and(|creator| creator.own);
                let keys = creator.filter(|_| inherits).map(|creator| creator.keys.clone()).unwrap_or_default();
                let own = image.as_deref().is_some_and(|image| is_own(image, by_wine));
                self.processes.insert(number("pid")?, Process { image, own, keys, ..Process::default() });
                None
            }
            Asked::ProcessDone => {
                let process = self.processes.get_mut(&self.process_of(thread)?)?;
                process.runs = true;
                process.image = process.image.take().or(process.opened.take());
                None
            }
            Asked::OpenFile { name } if succeeded => {
                let process = self.process_mut(thread)?;
                if !process.runs {
                    process.opened = Some(name.into());
                }
                None
            }
            Asked::Key { path, create, access } => self.key(thread, path, create && status == "0", access, status, number("hkey")),
            Asked::Close { handle } if succeeded => {
                self.process_mut(thread)?.keys.remove(&handle);
                None
            }
            Asked::Duplicate { handle } if succeeded => {
                let process = self.process_mut(thread)?;
                match process.keys.get(&handle).cloned() {
                    Some(key) => process.keys.insert(number("handle")?, key),
                    None => process.keys.remove(&number("handle")?),
                };
                None
            }
            Asked::Delete { key } => self.changed(thread, key, status, |key| RegistryDeleteKey { key }.into()),
            Asked::SetValue { key, payload } => {
                self.changed(thread, key, status, |key| RegistrySetValue { key, ..payload }.into())
            }
            Asked::DeleteValue { key, name } => {
                self.changed(thread, key, status, |key| RegistryDeleteValue { key, value_name: name }.into())
            }
            Asked::Rename { key, name } => self.renamed(thread, key, &name, status),
            Asked::Query { key, name } if succeeded => {
                let total = number("total").unwrap_or(0);
                let given = field(results, "data").map_or(0, |data| bytes(data).len());
                let fits = usize::try_from(total).unwrap_or(usize::MAX) <= given || given >= TRACED;
                let repeated = again.is_some_and(|(before, named)| before == key && named == name);
                if !fits && let Some(thread) = self.threads.get_mut(&thread) {
                    thread.again = Some((key, name.clone()));
                }
                if repeated { None } else { self.operation(thread, key, None, |key| RegistryQueryValue { key, value_name: name }.into()) }
            }
            Asked::FirstThread { .. }
            | Asked::NewThread { .. }
            | Asked::NewProcess { .. }
            | Asked::OpenFile { .. }
            | Asked::Close { .. }
            | Asked::Duplicate { .. }
            // What is not there cannot be read: nothing has happened.
            | Asked::Query { .. } => None,
        }
    }

    /// A key was made or opened, or not.
    fn key(
        &mut self,
        thread: u32,
        path: Option<Arc<str>>,
        made: bool,
        access: u32,
        status: &str,
        handle: Option<u32>,
    ) -> Option<Seen> {
        let succeeded = matches!(status, "0" | "OBJECT_NAME_EXISTS");
        let process = self.process_mut(thread)?;
        if let (true, Some(handle)) = (succeeded, handle) {
            match &path {
                Some(path) if process.keys.len() < MOST_KEYS => process.keys.insert(handle, Arc::clone(path)),
                Some(_) | None => process.keys.remove(&handle),
            };
        }
        // Looking for a key that is not there does nothing, and making one in one that is not there is tried again from further up.
        if !succeeded {
            return None;
        }
        let payload = |key: String| -> Payload {
            if made { RegistryCreateKey { key }.into() } else { RegistryOpenKey { key, access }.into() }
        };
        self.report(thread, path, None, payload)
    }

    fn renamed(&mut self, thread: u32, handle: u32, name: &str, status: &str) -> Option<Seen> {
        let old = self.processes.get(&self.process_of(thread)?)?.keys.get(&handle).cloned();
        let new = old.as_deref().map(|old| match old.rsplit_once('\\') {
            Some((parent, _)) => format!(r"{parent}\{name}"),
            None => name.to_owned(),
        });
        let seen = self
            .changed(thread, handle, status, |key| RegistryRenameKey { key, new_key: new.clone().unwrap_or_default() }.into());
        if let (Some(old), Some(new), "0") = (&old, &new, status) {
            self.move_keys(old, new);
        }
        seen
    }

    /// Handles go on standing for a key that has another name now, and for what lies beneath it.
    fn move_keys(&mut self, old: &str, new: &str) {
        for key in self.processes.values_mut().flat_map(|process| process.keys.values_mut()) {
            let rest = key.get(..old.len()).filter(|start| start.eq_ignore_ascii_case(old)).and_then(|_| key.get(old.len()..));
            if let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with('\\')) {
                *key = format!("{new}{rest}").into();
            }
        }
    }

    fn changed(&self, thread: u32, handle: u32, status: &str, payload: impl FnOnce(String) -> Payload) -> Option<Seen> {
        self.operation(thread, handle, (status != "0").then(|| status.to_owned()), payload)
    }

    fn operation(
        &self,
        thread: u32,
        handle: u32,
        failed: Option<String>,
        payload: impl FnOnce(String) -> Payload,
    ) -> Option<Seen> {
        let process = self.process_of(thread).and_then(|process| self.processes.get(&process));
        let path = process.and_then(|process| process.keys.get(&handle)).cloned();
        self.report(thread, path, failed, payload)
    }

    fn report(
        &self,
        thread: u32,
        path: Option<Arc<str>>,
        failed: Option<String>,
        payload: impl FnOnce(String) -> Payload,
    ) -> Option<Seen> {
        // A thread that another process has started in this one has not been told apart.
        let Some(process) = self.process_of(thread).and_then(|process| self.processes.get(&process)) else {
            return Some(Seen::Unknown);
        };
        if !process.runs || (process.own && !self.serves_a_program(process, path.as_deref())) {
            return None;
        }
        let Some(path) = path else { return Some(Seen::Unknown) };
        let payload = payload(path.as_ref().to_owned());
        // The service manager looks at services all the time.
        let looks = matches!(payload, Payload::RegistryOpenKey(_) | Payload::RegistryQueryValue(_));
        if process.own && looks {
            return None;
        }
        Some(Seen::Operation(Box::new(Operation { pid: process.pid, image: process.image.clone(), payload, failed })))
    }

    /// What the service manager does below `Services` while Wine is not starting up, a program has asked it for.
    fn serves_a_program(&self, process: &Process, path: Option<&str>) -> bool {
        const SERVICES: &str = r"HKLM\System\CurrentControlSet\Services\";
        let is = |process: &Process, program: &str| process.image.as_deref().is_some_and(|image| file_name(image) == program);
        is(process, "services.exe")
            && path.and_then(|path| path.get(..SERVICES.len())).is_some_and(|start| start.eq_ignore_ascii_case(SERVICES))
            && !self.processes.values().any(|other| is(other, "wineboot.exe"))
    }

    fn process_of(&self, thread: u32) -> Option<u32> {
        self.threads.get(&thread).map(|thread| thread.process).filter(|process| *process != 0)
    }

    fn process_mut(&mut self, thread: u32) -> Option<&mut Process> {
        let process = self.process_of(thread)?;
        self.processes.get_mut(&process)
    }

    /// The key that a name stands for, in the spelling of events.
    fn path(&self, thread: u32, root: u32, name: &str) -> Option<Arc<str>> {
        if root == 0 {
            return Some(registry_key(name).as_ref().into());
        }
        let key = self.processes.get(&self.process_of(thread)?)?.keys.get(&root)?;
        let name = name.trim_matches('\\');
        if name.is_empty() { Some(Arc::clone(key)) } else { Some(registry_key(&format!(r"{key}\{name}")).as_ref().into()) }
    }
}

/// Bytes of data that the trace shows of one value.
const TRACED: usize = 1_024;

/// The size of data that is cut: what the trace says of it stands behind the bytes.
fn total(data: &str) -> Option<u64> {
    let (_, rest) = data.split_once("(total ").or_else(|| data.split_once("total="))?;
    rest.split(|ch: char| !ch.is_ascii_digit()).next()?.parse().ok()
}

/// A path without the prefix of the object manager.
fn without_prefix(path: &str) -> &str {
    path.strip_prefix(r"\??\").unwrap_or(path)
}

fn file_name(path: &str) -> String {
    path.rsplit(['\\', '/']).next().unwrap_or_default().to_ascii_lowercase()
}

/// Whether a program is one that Wine starts on its own account: one of its own, or any of Windows's that one of those has started.
fn is_own(image: &str, by_wine: bool) -> bool {
    let image = image.to_ascii_lowercase();
    let of_windows = image.starts_with(r"c:\windows\");
    of_windows && (by_wine || OWN.contains(&file_name(&image).as_str()))
}
