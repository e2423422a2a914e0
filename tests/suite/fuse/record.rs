//! A gatekeeper that remembers everything and refuses what a test tells it to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use agentsh::channel::{Gatekeeper, Outcome, Refusal, RefusedBy, Verdict};
use agentsh::event::{Actor, EventId, FileAccess, Kind, OperationFailed, OsText, Payload};

/// One event, as the channel would have had it.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub id: EventId,
    pub payload: Payload,
    pub actor: Option<Actor>,
    pub cause: Option<EventId>,
    pub refused: bool,
}

type Rule = Box<dyn Fn(&Payload) -> Option<RefusedBy> + Send + Sync>;

/// What was gated and observed, in order.
pub struct Record {
    rule: Rule,
    number: AtomicU64,
    events: Mutex<Vec<Recorded>>,
    came: Condvar,
}

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(20);

impl Record {
    pub fn new(rule: impl Fn(&Payload) -> Option<RefusedBy> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { rule: Box::new(rule), number: AtomicU64::new(1), events: Mutex::default(), came: Condvar::new() })
    }

    fn add(&self, payload: Payload, actor: Option<Actor>, cause: Option<EventId>, refused: bool) -> EventId {
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&self.number.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        let id = EventId::observed(0, bytes);
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(Recorded { id, payload, actor, cause, refused });
        self.came.notify_all();
        id
    }

    /// Everything until now.
    pub fn all(&self) -> Vec<Recorded> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until the record is as a test wants it.
    pub fn wait_until(&self, what: &str, wanted: impl Fn(&[Recorded]) -> bool) -> Vec<Recorded> {
        let deadline = Instant::now() + PATIENCE;
        let mut events = self.events.lock().unwrap();
        while !wanted(&events) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} did not come: {events:#?}");
            events = self.came.wait_timeout(events, left).unwrap().0;
        }
        events.clone()
    }

    /// Waits until each handle that was opened is closed, and takes everything: `close(2)` does not wait for the kernel's release.
    pub fn take_settled(&self) -> Vec<Recorded> {
        self.wait_until("a close for each open", |events| opened(events) == closed(events));
        std::mem::take(&mut self.events.lock().unwrap())
    }
}

fn closed(events: &[Recorded]) -> usize {
    events.iter().filter(|event| matches!(event.payload, Payload::FileClose(_))).count()
}

/// Opens and creates that led to a handle.
fn opened(events: &[Recorded]) -> usize {
    let opens = |event: &&Recorded| match &event.payload {
        Payload::FileOpen(_) => !event.refused,
        Payload::FileCreate(create) => !event.refused && create.access.is_some(),
        _ => false,
    };
    let failed = |event: &Recorded| match &event.payload {
        Payload::OperationFailed(failed) => failed.operation == Kind::FileOpen || failed.operation == Kind::FileCreate,
        _ => false,
    };
    events.iter().filter(opens).count() - events.iter().filter(|event| failed(event)).count()
}

impl Gatekeeper for Record {
    fn gate(&self, payload: Payload, actor: Option<Actor>, cause: Option<EventId>) -> Verdict {
        let by = (self.rule)(&payload);
        let event = self.add(payload, actor, cause, by.is_some());
        let outcome = match by {
            None => Outcome::Proceed,
            Some(by) => Outcome::Refuse(Refusal { by, rule: None, reason: "the test says so".into() }),
        };
        Verdict { event, outcome }
    }

    fn observe(&self, payload: Payload, actor: Option<Actor>, cause: Option<EventId>) -> EventId {
        self.add(payload, actor, cause, false)
    }

    fn judge_in_hindsight(&self, _: Payload, _: Option<Actor>) -> EventId {
        unreachable!("a file system refuses what it wants refused before it happens")
    }

    fn failed(&self, operation: EventId, kind: Kind, subject: Option<String>, actor: Option<Actor>, errno: i32) {
        let error = format!("{:?}", nix::errno::Errno::from_raw(errno));
        let payload = OperationFailed { operation: kind, subject, errno, error };
        self.add(payload.into(), actor, Some(operation), false);
    }
}

/// One line for an event: its kind and what a person would look at first, with paths beneath `root` as they are seen from it.
pub fn line(event: &Recorded, root: &std::path::Path) -> String {
    let short = |path: &OsText| match path.as_path().strip_prefix(root) {
        Ok(rest) if rest.as_os_str().is_empty() => ".".to_owned(),
        Ok(rest) => OsText::from(rest).as_text().into_owned(),
        Err(_) => path.as_text().into_owned(),
    };
    let truncates = |flags: u32| if flags & libc::O_TRUNC.cast_unsigned() != 0 { " truncate" } else { "" };
    let access = |access: FileAccess| access.as_str();
    let what = match &event.payload {
        Payload::FileOpen(p) => format!("{} {}{}", short(&p.path), access(p.access), truncates(p.flags)),
        Payload::FileCreate(p) => {
            format!("{} {} {:04o} {}", short(&p.path), p.file_type.as_str(), p.mode, p.access.map_or("-", access))
        }
        Payload::FileRead(p) => format!("{} at {} {:?}/{}", short(&p.path), p.offset, p.size, p.requested),
        Payload::FileWrite(p) => format!("{} at {} {:?}/{}", short(&p.path), p.offset, p.size, p.requested),
        Payload::FileClose(p) => format!(
            "{} wrote {} in {} size {}->{}",
            short(&p.path),
            p.bytes_written,
            p.writes,
            p.size_before.unwrap_or(u64::MAX),
            p.size_after.unwrap_or(u64::MAX)
        ),
        Payload::FileDelete(p) => short(&p.path),
        Payload::FileRename(p) => format!("{} to {} flags {}", short(&p.path), short(&p.to), p.flags),
        Payload::FileLink(p) => format!("{} to {}", short(&p.path), short(&p.to)),
        Payload::FileSymlink(p) => format!("{} target {}", short(&p.path), p.target),
        Payload::FileTruncate(p) => format!("{} {}", short(&p.path), p.size),
        Payload::FileChmod(p) => format!("{} {:04o}", short(&p.path), p.mode),
        Payload::FileChown(p) => format!("{} {:?} {:?}", short(&p.path), p.uid, p.gid),
        Payload::FileUtimens(p) => format!("{} {:?} {:?}", short(&p.path), p.atime_ns, p.mtime_ns),
        Payload::FileXattr(p) => format!("{} {} {} {:?}", short(&p.path), p.operation.as_str(), p.name, p.size),
        Payload::DirCreate(p) => format!("{} {:04o}", short(&p.path), p.mode),
        Payload::DirDelete(p) => short(&p.path),
        Payload::DirList(p) => short(&p.path),
        Payload::OperationFailed(p) => {
            let subject = OsText::from_text(p.subject.as_deref().unwrap()).unwrap();
            format!("{} {} {}", p.operation.as_str(), short(&subject), p.error)
        }
        other => panic!("the workspace records no {}", other.kind().as_str()),
    };
    format!("{} {what}{}", event.payload.kind().as_str(), if event.refused { " REFUSED" } else { "" })
}
