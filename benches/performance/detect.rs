//! The detector's speed: events of each category that rules look at, one thread.

use std::path::Path;
use std::time::{Duration, Instant};

use agentsh::detect::Engine as _;
use agentsh::detect::sigma::{Limits, Rules, SigmaEngine, Source};
use agentsh::event::{
    DnsQuery, FileAccess, FileCreate, FileDelete, FileOpen, HttpRequest, JournaledEvent, NetConnect, OsText, Payload,
    ProcessExec, RegistrySetValue, RegistryValueType, Seq,
};

use crate::quality::{beneath, own, shared};
use crate::{load, median};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(500);
/// Events of a category, all different.
const EVENTS: u64 = 2_000;

/// What makes the event of a number.
type Make = fn(u64) -> Payload;

pub fn run(_folder: &Path) -> String {
    let sigmahq = |product: &str| {
        let mut rules = Vec::new();
        let folder = shared().map(|shared| shared.join("sigma/rules").join(product));
        if let Some(folder) = folder.filter(|folder| folder.is_dir()) {
            beneath(&folder, &mut rules);
        }
        rules
    };
    let (linux, windows, any) = (sigmahq("linux"), sigmahq("windows"), sigmahq("any"));
    let mut text = format!(
        "Events/s that one thread looks at, {EVENTS} different events of each category in turn, median of {ROUNDS}. The program's own pack has {} \
         rules; of SigmaHQ's there are {} for Linux, {} for Windows and {} for any system. Times are those of the engine: reading events from the \
         journal is not in them.\n\n| category | own pack | own pack and SigmaHQ's |\n|---|---|---|\n",
        own().len(),
        linux.len(),
        windows.len(),
        any.len()
    );
    let categories: [(&str, Make, &[&[Source]]); 8] = [
        ("process_creation", process, &[&linux, &any]),
        ("file_event", created, &[&linux, &any]),
        ("file_access", opened, &[&linux, &any]),
        ("file_delete", deleted, &[&linux, &any]),
        ("network_connection", connection, &[&linux, &any]),
        ("dns_query and dns", query, &[&linux, &any]),
        ("proxy", request, &[&linux, &any]),
        ("registry_set and registry_event", registry, &[&windows, &any]),
    ];
    for (name, make, theirs) in categories {
        let events: Vec<JournaledEvent> = (1..=EVENTS).map(|number| journaled(number, make)).collect();
        let mut both = own();
        theirs.iter().for_each(|rules| both.extend_from_slice(rules));
        let ours = rate(own(), &events);
        let together = if both.len() > own().len() { format!("{:.0}", rate(both, &events)) } else { "–".to_owned() };
        text += &format!("| {name} | {ours:.0} | {together} |\n");
    }
    text + &made_ready()
}

/// From the texts of the pack to an engine, and to what it says of its first processes.
fn made_ready() -> String {
    let mut took = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let mut engine = SigmaEngine::new(Rules::read(&own(), Limits::default()));
        took[0].push(began.elapsed().as_secs_f64() * 1e3);
        for (place, numbers) in [(1, 1..=1), (2, 2..=EVENTS)] {
            let began = Instant::now();
            for event in numbers.map(|number| journaled(number, process)) {
                engine.look(&event, &mut Vec::new());
            }
            took[place].push(began.elapsed().as_secs_f64() * 1e3);
        }
    }
    let [ready, first, others] = took.map(|took| median(&took));
    format!(
        "\nThe pack is made ready in {ready:.0} ms (median of {ROUNDS}). The first process takes {first:.0} ms more, for the screen of its log source \
         is made then; the next {} take {others:.0} ms in all, with the rules that are compiled for them.\n",
        EVENTS - 1
    )
}

fn journaled(number: u64, make: Make) -> JournaledEvent {
    let event = load::event(make(number), None);
    JournaledEvent { seq: Seq::new(number).unwrap(), kind: event.kind(), event }
}

fn rate(sources: Vec<Source>, events: &[JournaledEvent]) -> f64 {
    let mut engine = SigmaEngine::new(Rules::read(&sources, Limits::default()));
    let mut found = Vec::new();
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let (began, mut looked) = (Instant::now(), 0);
        while began.elapsed() < ROUND {
            for event in events {
                engine.look(event, &mut found);
                found.clear();
            }
            looked += events.len();
        }
        rates.push(looked as f64 / began.elapsed().as_secs_f64());
    }
    median(&rates)
}

/// What a build starts.
fn process(number: u64) -> Payload {
    let (path, argv): (&str, Vec<String>) = match number % 5 {
        0 => ("/usr/bin/x86_64-linux-gnu-gcc-12", vec!["gcc".into(), "-O2".into(), "-c".into(), format!("src/m{number}.c")]),
        1 => ("/bin/sh", vec!["sh".into(), "-c".into(), format!("test -f out/{number}.o && echo done")]),
        2 => ("/usr/bin/git", vec!["git".into(), "status".into(), "--porcelain".into(), format!("crate-{number}")]),
        3 => ("/usr/bin/python3.11", vec!["python3".into(), "-m".into(), "pytest".into(), format!("tests/test_{number}.py")]),
        _ => ("/usr/bin/ld", vec!["ld".into(), "-o".into(), format!("target/{number}"), "-lc".into(), "--gc-sections".into()]),
    };
    ProcessExec {
        path: path.into(),
        requested: path.into(),
        argc: argv.len() as u64,
        argv: argv.iter().map(|argument| OsText::from(argument.as_str())).collect(),
        parent_exe: Some("/usr/bin/make".into()),
        ..ProcessExec::default()
    }
    .into()
}

fn created(number: u64) -> Payload {
    FileCreate { path: format!("/home/dev/project/target/debug/deps/unit-{number}.o").into(), ..FileCreate::default() }.into()
}

fn opened(number: u64) -> Payload {
    let access = if number.is_multiple_of(4) { FileAccess::Write } else { FileAccess::Read };
    FileOpen { path: format!("/home/dev/project/src/module_{number}.c").into(), access, ..FileOpen::default() }.into()
}

fn deleted(number: u64) -> Payload {
    FileDelete { path: format!("/home/dev/project/target/tmp{number}.rcgu.o").into(), ..FileDelete::default() }.into()
}

fn connection(number: u64) -> Payload {
    NetConnect { host: Some(format!("mirror{number}.example.org")), port: 443, ..NetConnect::default() }.into()
}

fn query(number: u64) -> Payload {
    DnsQuery { name: format!("mirror{number}.example.org"), record_type: "A".into(), ..DnsQuery::default() }.into()
}

fn request(number: u64) -> Payload {
    HttpRequest {
        method: "GET".into(),
        scheme: "http".into(),
        host: format!("mirror{}.example.org", number % 7),
        port: 80,
        path: format!("/pool/main/p/package/package_{number}_amd64.deb"),
        ..HttpRequest::default()
    }
    .into()
}

fn registry(number: u64) -> Payload {
    RegistrySetValue {
        key: format!(r"HKU\S-1-5-21-1-2-3-1001\SOFTWARE\Vendor\Product\Settings\{}", number % 97),
        value_name: format!("Value{number}"),
        value_type: RegistryValueType::Dword,
        data: Some(number.to_string()),
        ..RegistrySetValue::default()
    }
    .into()
}
