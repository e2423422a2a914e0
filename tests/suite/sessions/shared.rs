//! Several commands at once in one session: one mount, and each event with its command.

use std::collections::{BTreeMap, BTreeSet};

use agentsh::event::{Family, Kind, Payload};

use super::rig::{Server, is_mounted};
use crate::run::support::text;

/// Writes a file, waits for those of the others, and adds a line to one that all share.
const SCRIPT: &str = r#"
echo "$1" > "own-$1"
for other in 1 2 3 4 5; do
    while [ "$(cat "own-$other" 2>/dev/null)" != "$other" ]; do :; done
done
echo "$1" >> all
ls > /dev/null
grep -c " $PWD fuse.agentsh " /proc/self/mounts
stat -f -c %i . 2>/dev/null
stat -c %d .
"#;

#[test]
fn five_commands_at_once_share_one_mount_and_see_each_others_writes_at_once() {
    let server = Server::start();
    let session = server.create();
    if !is_mounted(&server, &session, "five commands on one mount") {
        return;
    }
    let clients: Vec<_> = (1..=5)
        .map(|number| {
            let transport = if number % 2 == 0 { "grpc" } else { "http" };
            server.command(transport, &session, &["sh", "-c", SCRIPT, "sh", &number.to_string()]).spawn().unwrap()
        })
        .collect();
    let outputs: Vec<_> = clients.into_iter().map(|client| client.wait_with_output().unwrap()).collect();
    for output in &outputs {
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(text(&output.stdout).starts_with("1\n"), "one mount: {}", text(&output.stdout));
    }
    let seen: BTreeSet<String> = outputs.iter().map(|output| text(&output.stdout)).collect();
    assert_eq!(seen.len(), 1, "they see one file system: {seen:?}");
    let mut lines: Vec<String> =
        std::fs::read_to_string(server.place.workspace().join("all")).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["1", "2", "3", "4", "5"]);

    let (place, status) = server.stop();
    assert!(status.success());
    place.check_whole();
    place.check_accounted();
    // Which command is which, by its last argument.
    let mut commands = BTreeMap::new();
    for event in place.events_of(Kind::CommandStarted) {
        if let Payload::CommandStarted(started) = &event.event.payload
            && started.argv.len() == 5
        {
            commands.insert(event.event.command_id.clone().unwrap(), started.argv[4].as_text().into_owned());
        }
    }
    assert_eq!(commands.len(), 5);
    let mut created = 0;
    for event in place.events() {
        if event.kind.family() != Family::File {
            continue;
        }
        let command = event.event.command_id.clone().unwrap_or_else(|| panic!("a file event of no command: {event:?}"));
        if event.kind == Kind::FileCreate
            && let Some(subject) = event.event.subject()
            && let Some(number) = subject.rsplit("/own-").next().filter(|_| subject.contains("/own-"))
        {
            assert_eq!(commands.get(&command).map(String::as_str), Some(number), "{event:?}");
            created += 1;
        }
    }
    assert_eq!(created, 5);
    // A close is its opener's.
    let openers: BTreeMap<_, _> = place
        .events()
        .into_iter()
        .filter(|event| matches!(event.kind, Kind::FileOpen | Kind::FileCreate))
        .map(|event| (event.event.id, event.event.command_id))
        .collect();
    for close in place.events_of(Kind::FileClose) {
        assert_eq!(Some(&close.event.command_id), close.event.cause.and_then(|cause| openers.get(&cause)), "{close:?}");
    }
}

#[test]
fn a_session_starts_with_its_policy_and_what_its_layers_do() {
    let server = Server::start();
    let session = server.create_with(&["--label", "team=red", "--label", "run=7"]);
    assert_eq!(server.info(&session)["labels"], serde_json::json!(["team=red", "run=7"]));
    server.shell(&session, "true");
    server.end(&session, &[]);
    let (place, _) = server.stop();
    let of_session =
        place.events().into_iter().filter(|event| event.event.session_id.as_ref().is_some_and(|id| id.as_str() == session));
    let kinds: Vec<Kind> = of_session.map(|event| event.kind).collect();
    assert_eq!(kinds[..3], [Kind::SessionCreated, Kind::PolicyLoaded, Kind::CapabilityReport]);
    assert_eq!(kinds[3], Kind::CommandStarted);
    assert_eq!(kinds.last(), Some(&Kind::SessionEnded));
}

#[test]
fn a_command_whose_launcher_is_killed_leaves_the_others_alone() {
    let server = Server::start();
    let session = server.create();
    let mut commands: Vec<_> = ["one", "two"]
        .into_iter()
        .map(|name| {
            let script = format!("touch {name}; while ! test -e go; do sleep 0.02; done; sleep 0.1; exit 5");
            server.command("http", &session, &["sh", "-c", &script]).spawn().unwrap()
        })
        .collect();
    super::rig::until_there(&server, "one");
    super::rig::until_there(&server, "two");
    let running = server.info(&session)["commands"].clone();
    let of = |name: &str| {
        let all = running.as_array().unwrap().iter();
        let mut found = all.filter(|command| command["argv"][2].as_str().unwrap().contains(&format!("touch {name};")));
        u32::try_from(found.next().unwrap()["pid"].as_u64().unwrap()).unwrap()
    };
    let status = std::fs::read_to_string(format!("/proc/{}/status", of("one"))).unwrap();
    let launcher: u32 = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim().parse().unwrap();
    super::rig::signal(launcher, nix::sys::signal::Signal::SIGKILL);
    let lost = commands.remove(0).wait_with_output().unwrap();
    assert_eq!(lost.status.code(), Some(125), "{}", text(&lost.stderr));
    std::fs::write(server.place.workspace().join("go"), "").unwrap();
    assert_eq!(commands.remove(0).wait_with_output().unwrap().status.code(), Some(5));
    assert_eq!(server.shell(&session, "exit 9").status.code(), Some(9));
}
