//! The web console in Debian's chromium, through playwright, with axe.

use std::path::{Path, PathBuf};
use std::process::Command;

use agentsh::event::{
    Decision, Detection, FileClose, FileCreate, FileDelete, FileOpen, Kind, NetConnect, ProcessExit, SessionCreated, SessionEnded,
};
use agentsh::journal::{Journal, JournalConfig};
use agentsh::serve::auth::{KeyFile, Role};
use serde_json::{Value, json};

use crate::grpc::rig::make_key;
use crate::readers::recorded::Scribe;
use crate::replay::told::{Tale, exec, tell};
use crate::run::support::{AGENTSH, Place};
use crate::sessions::rig::Server;

/// Where `scripts/peers.sh` puts the packages of `tests/console/package-lock.json`, if it did, and the browser.
fn tools(test: &str) -> Option<(PathBuf, &'static str)> {
    let folder = std::env::var_os("TEST_PEERS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers"), PathBuf::from)
        .join("console");
    let chromium = "/usr/bin/chromium";
    let node = Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success());
    for (what, is_there) in [
        ("node", node),
        ("chromium", Path::new(chromium).exists()),
        ("playwright-core", folder.join("node_modules/playwright-core").exists()),
        ("axe-core", folder.join("node_modules/axe-core").exists()),
    ] {
        if !is_there {
            eprintln!("skipped: {test}: {what} is not there; `make test-peers` installs it");
            return None;
        }
    }
    Some((folder, chromium))
}

/// Runs a script of `tests/console` with a plan, and gives what it says.
fn browse(script: &str, folder: &Path, plan: &Value) -> String {
    let file = folder.join("plan.json");
    std::fs::write(&file, plan.to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/console").join(script);
    let output = Command::new("node").arg(script).arg(&file).output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.contains("ok no error in the console, no request to another host"), "{said}\n{errors}");
    said.into_owned()
}

/// Sessions that are told and not recorded, since no layer records a terminal by itself: one that is looked at, and one that would do harm.
fn write_sessions(place: &Place) {
    let journal = Journal::open(&place.data(), &JournalConfig::default()).unwrap();
    let mut scribe = Scribe::new(&journal);
    tell(&mut Tale::new(&mut scribe, "s-told"));
    let mut hostile = Tale::new(&mut scribe, "s-hostile");
    hostile.command("c-hostile").then(SessionCreated {
        workspace: "/work".into(),
        policy: "default".into(),
        ..SessionCreated::default()
    });
    hostile.shows(
        "\u{1b}]0;another title\u{7}\u{1b}[31m<img src=x onerror=alert(1)>\u{202e}txt\u{200b}</pre><script>alert(2)</script>\r\n",
    );
    hostile.shows("\u{1b}[999;999H\u{1b}[?1049h\u{1b}P+q\u{1b}\\\u{1b}]52;c;YWJj\u{7}<iframe src=javascript:alert(3)> onerror");
    hostile.then(SessionEnded { reason: "finished".into(), ..SessionEnded::default() });
    assert!(journal.flush());
    journal.close().unwrap();
}

/// `seq` of the told session's detection.
fn told_detection(place: &Place) -> u64 {
    let mut detections = place.events_of(Kind::Detection).into_iter();
    let told = detections.find(|event| event.event.session_id.as_ref().is_some_and(|id| id.as_str() == "s-told"));
    told.unwrap().seq.get()
}

#[test]
fn the_console_works_in_a_browser() {
    let Some((modules, chromium)) = tools("the_console_works_in_a_browser") else { return };
    let place = Place::new();
    write_sessions(&place);
    let detection = told_detection(&place);
    let server = Server::start_on(place, &[]);
    let session = server.create();
    let hostile = "hostile<img src=x onerror=alert(1)>\u{202e}txt\u{200b}\u{1b}[31m";
    let script = format!(
        "mkdir src; for n in 1 2 3; do echo $n > src/part-$n; done; cat src/part-1; rm src/part-2; echo x > '{hostile}'; \
         id > /dev/null; whoami > /dev/null; cat /etc/shadow > /dev/null; true"
    );
    let ran = server.shell(&session, &script);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let first = server.info(&session)["first_seq"].as_u64().unwrap();
    let config = server.place.folder().join("empty.yaml");
    std::fs::write(&config, "").unwrap();

    // Another server, which asks for keys.
    let place = Place::new();
    write_sessions(&place);
    let keys = KeyFile::at(place.data_dir().api_keys());
    let key = |name: &str, role| make_key(&keys, name, &[role], None);
    let [auditor, operator, sensor] =
        [("anton", Role::Auditor), ("olga", Role::Operator), ("edge", Role::Sensor)].map(|(name, role)| key(name, role));
    let keyed = Server::start_on(place, &[]);
    let created = keyed.cli("http", &["session", "create"], &[] as &[&str]).env("AGENTSH_API_KEY", &operator).output().unwrap();
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    let running = String::from_utf8_lossy(&created.stdout).trim().to_owned();

    let plan = json!({
        "base": format!("http://{}", server.http()),
        "modules": modules,
        "chromium": chromium,
        "session": session,
        "told": "s-told",
        "toldMoment": detection,
        "hostile": "s-hostile",
        "event": first + 3,
        "exec": [AGENTSH, "exec", "--server", server.http(), session, "--"],
        "env": {"AGENTSH_TRANSPORT": "http", "AGENTSH_CONFIG": config, "HOME": server.place.folder()},
        "folder": std::env::var("CONSOLE_PICTURES").ok(),
        "keyed": {"base": format!("http://{}", keyed.http()), "auditor": auditor, "operator": operator, "sensor": sensor, "running": running},
    });
    eprintln!("{}", browse("console.mjs", server.place.folder(), &plan));
}

/// Writes a session of about so many events: programs that are run, files, hosts, refusals now and then, a detection more rarely.
fn write_many(data: &Path, events: u64) {
    let journal = Journal::open(data, &JournalConfig::default()).unwrap();
    let mut scribe = Scribe::new(&journal);
    let mut tale = Tale::new(&mut scribe, "s-many");
    tale.then(SessionCreated { workspace: "/work".into(), policy: "default".into(), ..SessionCreated::default() });
    for number in 0..events / 10 {
        let pid = 1_000 + u32::try_from(number % 50_000).unwrap();
        let path = format!("/work/src/module-{}/part-{number}.o", number % 97);
        tale.later(20).by(pid, 100, "/usr/bin/cc");
        tale.judged(exec("/usr/bin/cc", &["cc", "-O2", "-c", &path]), Decision::Allow, "allow-tools");
        tale.judged(FileCreate { path: path.as_str().into(), ..FileCreate::default() }, Decision::Allow, "workspace");
        tale.then(FileClose { path: path.as_str().into(), writes: 3, bytes_written: 4_096, ..FileClose::default() });
        tale.then(FileOpen { path: path.as_str().into(), ..FileOpen::default() });
        let verdict = if number % 100 == 0 { Decision::Deny } else { Decision::Allow };
        let host = Some(format!("host-{}.test", number % 13));
        tale.judged(NetConnect { host, port: 443, ..NetConnect::default() }, verdict, "hosts");
        if number % 1_000 == 0 {
            tale.then(Detection { rule_id: "r".into(), title: "Something".into(), level: "high".into(), ..Detection::default() });
        } else {
            tale.then(FileDelete { path: path.as_str().into(), ..FileDelete::default() });
        }
        tale.then(ProcessExit { path: Some("/usr/bin/cc".into()), exit_code: Some(0), ..ProcessExit::default() });
    }
    tale.then(SessionEnded { reason: "finished".into(), ..SessionEnded::default() });
    assert!(journal.flush());
    journal.close().unwrap();
}

/// `make bench-console` asks for 1,000,000 events (`CONSOLE_EVENTS`) and holds it to the numbers that are promised. Without that it is
/// about working.
#[test]
fn a_session_of_very_many_events_opens_and_scrolls() {
    let Some((modules, chromium)) = tools("a_session_of_very_many_events_opens_and_scrolls") else { return };
    let asked = std::env::var("CONSOLE_EVENTS").ok().map(|events| events.parse::<u64>().unwrap());
    let place = Place::new();
    write_many(&place.data(), asked.unwrap_or(20_000));
    let last = place.events_of(Kind::SessionEnded).pop().unwrap().seq.get();
    // What rules find out meanwhile would be measured too.
    let server = Server::start_on(place, &[("AGENTSH_DETECT__ENABLED", "false")]);
    let plan = json!({
        "base": format!("http://{}", server.http()),
        "modules": modules,
        "chromium": chromium,
        "session": "s-many",
        "last": last,
        "targets": asked.is_some(),
    });
    eprintln!("{}", browse("scale.mjs", server.place.folder(), &plan));
}
