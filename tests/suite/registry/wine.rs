//! Windows programs under Wine in a session: every registry operation once, and the program's own output untouched.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};

use agentsh::event::{Decision, Family, JournaledEvent, Kind, LayerState, Payload};

use crate::run::support::{Place, text};
use crate::sessions::rig::{Server, ends};
use crate::support::{has_program, until};

const COMPILER: &str = "x86_64-w64-mingw32-gcc";

/// One Wine at a time: a prefix has one server, and two prefixes would only slow each other down.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A prefix and the program, in the place of a test.
struct Windows {
    place: Place,
    nobody: bool,
}

impl Windows {
    fn new(test: &str, nobody: bool) -> Option<Self> {
        if !has_program(COMPILER, test) || !has_program("wine", test) {
            return None;
        }
        let place = if nobody { Place::for_nobody(test)? } else { Place::new() };
        let windows = Self { place, nobody };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/registry/program.c");
        let built = Command::new(COMPILER)
            .arg("-O1")
            .arg(source)
            .arg("-o")
            .arg(windows.place.workspace().join("app.exe"))
            .output()
            .unwrap();
        assert!(built.status.success(), "{}", text(&built.stderr));
        // The prefix is made outside of the session, where making it is nobody's business.
        let made = windows.plain(&["wine", "wineboot", "--init"]).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(made.success());
        windows.settle();
        Some(windows)
    }

    fn prefix(&self) -> PathBuf {
        self.place.folder().join("prefix")
    }

    fn set_up<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .current_dir(self.place.workspace())
            .env("WINEPREFIX", self.prefix())
            .env("WINEDEBUG", "-all")
            .env("HOME", self.place.folder())
    }

    fn plain(&self, argv: &[&str]) -> Command {
        let user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        let all: Vec<&str> = user.into_iter().filter(|_| self.nobody).chain(argv.iter().copied()).collect();
        let mut command = Command::new(all[0]);
        self.set_up(command.args(&all[1..]).stdin(Stdio::null()));
        command
    }

    /// Waits until the prefix's server has ended, so that the next program starts one.
    fn settle(&self) {
        let _status = self.plain(&["wineserver", "-k"]).stderr(Stdio::null()).status().unwrap();
        let _status = self.plain(&["wineserver", "-w"]).stderr(Stdio::null()).status().unwrap();
    }

    fn run(&self) -> Output {
        let argv = ["wine", "app.exe"];
        let mut command = if self.nobody { self.place.command_as_nobody(&argv) } else { self.place.command(&argv) };
        self.set_up(&mut command).output().unwrap()
    }
}

impl Drop for Windows {
    fn drop(&mut self) {
        self.settle();
    }
}

/// The program's own changes and what it read: not what the libraries of every Windows program do as they are loaded.
fn of_the_test(event: &JournaledEvent) -> bool {
    event.event.subject().is_some_and(|subject| subject.contains("AgentshTest") || subject.contains(r"CurrentVersion\Run"))
}

/// What the program does, beneath the user's `Software`.
const DONE: [&str; 15] = [
    r"registry_create_key AgentshTest",
    r"registry_set_value AgentshTest\Number",
    "registry_set_value AgentshTest\\Ä \"b\"",
    r"registry_set_value AgentshTest\Large",
    r"registry_query_value AgentshTest\Number",
    r"registry_delete_value AgentshTest\Number",
    r"registry_create_key AgentshTest\Old",
    r"registry_open_key AgentshTest\Old",
    r"registry_rename_key AgentshTest\Old",
    r"registry_open_key AgentshTest\New",
    r"registry_delete_key AgentshTest\New",
    r"registry_open_key Microsoft\Windows\CurrentVersion\Run",
    r"registry_set_value Microsoft\Windows\CurrentVersion\Run\Updater",
    r"registry_open_key AgentshTest",
    r"registry_delete_key AgentshTest",
];

/// The program's own operations on record; `None`, and the reason on stderr, where this machine cannot record them.
fn recorded(place: &Place) -> Option<Vec<JournaledEvent>> {
    let registry = place.events().into_iter().filter(|event| event.kind.family() == agentsh::event::Family::Registry);
    let registry: Vec<JournaledEvent> = registry.filter(of_the_test).collect();
    if registry.is_empty() {
        let report = place.events_of(Kind::CapabilityReport);
        let Payload::CapabilityReport(report) = &report[0].event.payload else { panic!("{report:?}") };
        let layer = report.layers.iter().find(|layer| layer.layer == agentsh::event::Layer::Registry).unwrap();
        assert_eq!(layer.state, LayerState::Absent, "nothing was recorded: {layer:?}");
        eprintln!("skipped: registry operations: {}", layer.reason.as_deref().unwrap_or_default());
        return None;
    }
    Some(registry)
}

/// Kind and key beneath the user's `Software`.
fn shown(registry: &[JournaledEvent]) -> Vec<String> {
    let user = registry[0].event.subject().unwrap().split('\\').take(2).collect::<Vec<_>>().join(r"\");
    let line = |event: &JournaledEvent| {
        let subject = event.event.subject().unwrap();
        format!("{} {}", event.kind.as_str(), subject.strip_prefix(&format!(r"{user}\Software\")).unwrap())
    };
    registry.iter().map(line).collect()
}

fn check(windows: &Windows) {
    let native = windows.plain(&["wine", "app.exe"]).output().unwrap();
    windows.settle();
    let output = windows.run();
    assert_eq!((output.status.code(), native.status.code()), (Some(7), Some(7)), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), text(&native.stdout));
    let own = text(&output.stderr);
    let own = own.split("agentsh: session").next().unwrap();
    assert_eq!(own, text(&native.stderr), "the program's own stderr");

    let place = &windows.place;
    let Some(registry) = recorded(place) else { return };
    assert_eq!(shown(&registry), DONE);
    let data = |at: usize| match &registry[at].event.payload {
        Payload::RegistrySetValue(set) => (set.value_type.as_str(), set.data.clone().unwrap(), set.size.unwrap()),
        other => panic!("{other:?}"),
    };
    assert_eq!(data(1), ("dword", "42".to_owned(), 4));
    assert_eq!(data(2), ("sz", "hello".to_owned(), 12));
    assert_eq!(data(12), ("sz", r"C:\evil.exe".to_owned(), 24));
    assert_eq!((data(3).0, data(3).2), ("binary", 3_000));
    for event in &registry {
        let actor = event.event.actor.as_ref().unwrap();
        assert!(actor.exe.as_ref().unwrap().as_bytes().ends_with(br"\app.exe"), "{actor:?}");
        assert_eq!(actor.comm.as_ref().unwrap().as_bytes(), b"app.exe");
    }
    // What has happened cannot have been refused.
    let decisions = place.events_of(Kind::PolicyDecision);
    let of_run =
        decisions.iter().find(|event| event.event.subject().is_some_and(|subject| subject.ends_with(r"Run\Updater"))).unwrap();
    let Payload::PolicyDecision(decision) = &of_run.event.payload else { panic!("{of_run:?}") };
    assert_eq!((decision.decision, decision.enforced), (Decision::Deny, Some(false)));
    assert!(decision.reason.contains("is a high-risk path"), "{}", decision.reason);
    for event in &decisions {
        let Payload::PolicyDecision(decision) = &event.event.payload else { panic!("{event:?}") };
        // The process layer decides before an exec; the registry is only watched.
        let is_registry = decision.operation.family() == Family::Registry;
        assert_eq!(decision.enforced, is_registry.then_some(false), "{decision:?}");
    }
    assert_eq!(of_run.event.attack.iter().map(|technique| technique.as_str()).collect::<Vec<_>>(), ["T1547.001"]);
    place.check_whole();
    place.check_accounted();
}

#[test]
fn a_windows_program_s_registry_operations_are_on_record_once_each() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(windows) = Windows::new("registry::wine", false) {
        check(&windows);
    }
}

#[test]
fn a_windows_program_s_registry_operations_are_on_record_once_each_for_an_ordinary_user() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(windows) = Windows::new("registry::wine as nobody", true) {
        check(&windows);
    }
}

#[test]
fn g2_a_server_that_is_started_without_a_trace_is_told_of() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(windows) = Windows::new("a wine server without a trace", false) else { return };
    let argv = ["env", "WINEDEBUG=-all", "wine", "app.exe"];
    let ran = windows.set_up(&mut windows.place.command(&argv)).output().unwrap();
    assert!(text(&ran.stderr).contains("a line of the program's own"), "{}", text(&ran.stderr));
    let report = windows.place.events_of(Kind::CapabilityReport);
    let Payload::CapabilityReport(report) = &report[0].event.payload else { panic!("{report:?}") };
    let layer = report.layers.iter().find(|layer| layer.layer == agentsh::event::Layer::Registry).unwrap();
    if layer.state == LayerState::Absent {
        eprintln!("skipped: a wine server without a trace: {}", layer.reason.as_deref().unwrap_or_default());
        return;
    }
    let lost = windows.place.events_of(Kind::EventsLost);
    let told = lost.iter().any(|event| match &event.event.payload {
        Payload::EventsLost(lost) => lost.hop == "wine" && lost.reason.contains("WINEDEBUG"),
        _ => false,
    });
    assert!(told, "{lost:?}");
}

#[test]
fn commands_of_a_session_on_the_server_are_recorded_once_each() {
    let test = "registry::wine on the server";
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(windows) = Windows::new(test, false) else { return };
    let native = windows.plain(&["wine", "app.exe"]).output().unwrap();
    windows.settle();
    let server = Server::start_on(windows.place.again(), &[]);
    let session = server.create();
    let prefix = format!("WINEPREFIX={}", windows.prefix().display());
    let rest = ["--env", prefix.as_str(), "--env", "WINEDEBUG=-all", session.as_str(), "--", "wine", "app.exe"];
    for transport in ["http", "grpc"] {
        let output = server.cli(transport, &["exec"], &rest).output().unwrap();
        assert_eq!(output.status.code(), Some(7), "{transport}: {}", text(&output.stderr));
        assert_eq!((text(&output.stdout), text(&output.stderr)), (text(&native.stdout), text(&native.stderr)), "{transport}");
    }
    let place = windows.place.again();
    let all = || recorded(&place).map(|registry| registry.len());
    if all().is_none() {
        return;
    }
    until("the operations of both are on record", || all() >= Some(2 * DONE.len()));
    server.end(&session, &[]);
    let (_, status) = server.stop();
    assert!(status.success());
    assert_eq!(ends(&place).len(), 1);
    let registry = recorded(&place).unwrap();
    // The registry keeps what the first has left: the second does the same.
    assert_eq!(shown(&registry), [DONE, DONE].concat());
    let of = |event: &JournaledEvent| (event.event.session_id.clone().unwrap(), event.event.command_id.clone().unwrap());
    let commands: Vec<_> = registry.iter().map(of).collect();
    assert!(commands.iter().all(|(name, _)| name.as_str() == session), "{commands:?}");
    for event in &registry {
        let actor = event.event.actor.as_ref().unwrap();
        assert!(actor.exe.as_ref().unwrap().as_bytes().ends_with(br"\app.exe"), "{actor:?}");
    }
    let decisions = place.events_of(Kind::PolicyDecision);
    let run = decisions.iter().filter(|event| event.event.subject().is_some_and(|subject| subject.ends_with(r"Run\Updater")));
    let tags: Vec<Vec<&str>> = run.map(|event| event.event.attack.iter().map(|id| id.as_str()).collect()).collect();
    assert_eq!(tags, [["T1547.001"], ["T1547.001"]]);
    place.check_whole();
    place.check_accounted();
}
