//! Which log sources of Sigma an event belongs to.

use crate::event::{Event, OsText, Payload};

/// The operating system whose rules an event is shown to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Product {
    /// `linux`.
    Linux,
    /// `windows`.
    Windows,
    /// `macos`.
    MacOs,
}

impl Product {
    /// Every product.
    pub const ALL: [Product; 3] = [Product::Linux, Product::Windows, Product::MacOs];

    /// The name in a log source.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Product::Linux => "linux",
            Product::Windows => "windows",
            Product::MacOs => "macos",
        }
    }

    /// The product that an event is of: the registry is Windows', everything else shows in the paths of programs and files. An event
    /// that this recorder saw itself is Linux' unless a Windows program did it.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        if event.kind().family() == crate::event::Family::Registry {
            return Product::Windows;
        }
        let program = if let Payload::ProcessExec(exec) = &event.payload {
            Some(&exec.path)
        } else {
            event.actor.as_ref().and_then(|actor| actor.exe.as_ref()).or(subject_path(&event.payload))
        };
        match program {
            Some(path) if is_windows(path) => Product::Windows,
            Some(path) if event.sensor.is_some() && is_macos(path) => Product::MacOs,
            Some(_) | None => Product::Linux,
        }
    }
}

/// The file that an event is about, where no program is known.
fn subject_path(payload: &Payload) -> Option<&OsText> {
    if let Payload::FileCreate(p) = payload {
        Some(&p.path)
    } else if let Payload::FileDelete(p) = payload {
        Some(&p.path)
    } else if let Payload::FileRename(p) = payload {
        Some(&p.path)
    } else if let Payload::FileUtimens(p) = payload {
        Some(&p.path)
    } else if let Payload::ImageLoad(p) = payload {
        Some(&p.path)
    } else {
        None
    }
}

/// `C:\…`, `\\server\…`, `\Device\…`.
fn is_windows(path: &OsText) -> bool {
    match path.as_bytes() {
        [letter, b':', b'\\' | b'/', ..] => letter.is_ascii_alphabetic(),
        [b'\\', ..] => true,
        _ => false,
    }
}

fn is_macos(path: &OsText) -> bool {
    const ROOTS: [&[u8]; 7] =
        [b"/System/", b"/Applications/", b"/Users/", b"/Library/", b"/private/", b"/usr/libexec/", b"/Volumes/"];
    ROOTS.iter().any(|root| path.as_bytes().starts_with(root))
}

macro_rules! categories {
    ($($(#[$doc:meta])* $variant:ident => $name:literal,)*) => {
        /// A log source's category. Those that Sigma does not know are our own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Category { $($(#[$doc])* $variant,)* }

        impl Category {
            /// Every category.
            pub const ALL: &'static [Category] = &[$(Category::$variant,)*];

            /// The name in a log source.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Category::$variant => $name,)* }
            }

            /// The category of that name. [`Category::ProxyResponse`] shares its name and is not answered.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|category| category.as_str() == name)
            }
        }
    };
}

categories! {
    /// A program starts.
    ProcessCreation => "process_creation",
    /// A process ends.
    ProcessTermination => "process_termination",
    /// A process opens another.
    ProcessAccess => "process_access",
    /// A library or a driver is loaded.
    ImageLoad => "image_load",
    /// A file is made, written, cut or linked.
    FileEvent => "file_event",
    /// A file is removed.
    FileDelete => "file_delete",
    /// A file gets another name.
    FileRename => "file_rename",
    /// A file is opened or a directory listed.
    FileAccess => "file_access",
    /// Mode, owner, times or extended attributes of a file change.
    FileChange => "file_change",
    /// A connection is made.
    NetworkConnection => "network_connection",
    /// A name is resolved (Sysmon's fields).
    DnsQuery => "dns_query",
    /// A name is resolved (a DNS server's fields).
    Dns => "dns",
    /// A web request is sent.
    Proxy => "proxy",
    /// A web request has its response: for rules of `proxy` that look at the response too.
    ProxyResponse => "proxy",
    /// A registry value is set.
    RegistrySet => "registry_set",
    /// A registry key is made.
    RegistryAdd => "registry_add",
    /// A registry key or value is removed.
    RegistryDelete => "registry_delete",
    /// A registry key gets another name.
    RegistryRename => "registry_rename",
    /// Anything in the registry changes.
    RegistryEvent => "registry_event",
    /// A registry key is opened or a value read (our own).
    RegistryAccess => "registry_access",
    /// A named pipe is made or opened.
    PipeCreated => "pipe_created",
    /// A unix socket is connected to, bound, listened on or sent to (our own).
    UnixSocket => "unix_socket",
    /// A signal is sent (our own).
    Signal => "signal",
}

/// The categories that an event belongs to.
#[must_use]
pub(super) fn categories(payload: &Payload) -> &'static [Category] {
    use Category as C;
    match payload {
        Payload::ProcessExec(_) => &[C::ProcessCreation],
        Payload::ProcessExit(_) => &[C::ProcessTermination],
        Payload::ProcessAccess(_) => &[C::ProcessAccess],
        Payload::ImageLoad(_) => &[C::ImageLoad],
        Payload::SignalSent(_) => &[C::Signal],
        Payload::FileCreate(_) | Payload::FileWrite(_) | Payload::FileTruncate(_) | Payload::FileLink(_) => &[C::FileEvent],
        Payload::FileSymlink(_) | Payload::DirCreate(_) => &[C::FileEvent],
        Payload::FileDelete(_) | Payload::DirDelete(_) => &[C::FileDelete],
        Payload::FileRename(_) => &[C::FileRename],
        Payload::FileOpen(_) | Payload::FileRead(_) | Payload::DirList(_) => &[C::FileAccess],
        Payload::FileChmod(_) | Payload::FileChown(_) | Payload::FileUtimens(_) | Payload::FileXattr(_) => &[C::FileChange],
        Payload::NetConnect(_) => &[C::NetworkConnection],
        Payload::DnsQuery(_) => &[C::DnsQuery, C::Dns],
        Payload::HttpRequest(_) => &[C::Proxy],
        Payload::HttpResponse(_) => &[C::ProxyResponse],
        Payload::RegistryCreateKey(_) => &[C::RegistryAdd, C::RegistryEvent],
        Payload::RegistrySetValue(_) => &[C::RegistrySet, C::RegistryEvent],
        Payload::RegistryDeleteValue(_) | Payload::RegistryDeleteKey(_) => &[C::RegistryDelete, C::RegistryEvent],
        Payload::RegistryRenameKey(_) => &[C::RegistryRename, C::RegistryEvent],
        Payload::RegistryOpenKey(_) | Payload::RegistryQueryValue(_) => &[C::RegistryAccess],
        Payload::PipeCreate(_) | Payload::PipeConnect(_) => &[C::PipeCreated],
        Payload::UnixSocketConnect(_)
        | Payload::UnixSocketBind(_)
        | Payload::UnixSocketListen(_)
        | Payload::UnixSocketSendto(_) => &[C::UnixSocket],
        // A close sums up what an open or a create said; the rest is no log source of Sigma's.
        Payload::FileClose(_)
        | Payload::NetClose(_)
        | Payload::TlsHandshake(_)
        | Payload::CommandStarted(_)
        | Payload::CommandFinished(_)
        | Payload::TerminalOutput(_)
        | Payload::TerminalInput(_)
        | Payload::TerminalResize(_)
        | Payload::SessionCreated(_)
        | Payload::SessionEnded(_)
        | Payload::CapabilityReport(_)
        | Payload::ResourceUsage(_)
        | Payload::ResourceLimitExceeded(_)
        | Payload::PolicyDecision(_)
        | Payload::ApprovalRequested(_)
        | Payload::ApprovalResolved(_)
        | Payload::Detection(_)
        | Payload::OperationFailed(_)
        | Payload::JournalOpened(_)
        | Payload::JournalCheckpoint(_)
        | Payload::EventsLost(_)
        | Payload::PolicyLoaded(_)
        | Payload::SinkStalled(_)
        | Payload::SinkRecovered(_) => &[],
    }
}
