//! Line by line.

use agentsh::cli::output::Exit;

use super::told::{TOLD, ask};
use crate::golden::assert_current;
use crate::run::support::{AGENTSH, Place, text};

#[test]
fn a_session_is_told_a_line_for_each_event_with_its_time_and_its_verdict() {
    let (text, exit) = ask(&TOLD.data_dir, "last --plain");
    assert_eq!(exit, Exit::Done);
    assert_current("tests/golden/replay/plain.txt", &text);
    assert_eq!(text, ask(&TOLD.data_dir, "s-told").0, "without a terminal there is no player");
}

#[test]
fn at_a_speed_the_same_lines_come_and_the_long_wait_is_cut_short() {
    let start = std::time::Instant::now();
    let (paced, _) = ask(&TOLD.data_dir, "--plain --speed 10");
    assert_eq!(paced, ask(&TOLD.data_dir, "--plain").0);
    let took = start.elapsed().as_millis();
    // The session took 90.286 s, of which 785 ms are left without the long wait: a tenth of that.
    assert!((70..9_000).contains(&took), "{took} ms");
}

/// Runs the same once more and something else, and plays and compares the three: as this user or as `nobody`.
fn check_recorded(place: &Place, record: impl Fn(&str), tell: impl Fn(&[&str]) -> std::process::Output) {
    record("echo x > made; /bin/true");
    record("rm made; echo x > made; /bin/true");
    record("rm made; /bin/false");
    let said = tell(&["replay", "last"]);
    assert!(said.status.success(), "{}", text(&said.stderr));
    let lines = text(&said.stdout);
    let events = place.events().into_iter().filter(|event| event.event.session_id.is_some());
    let last = events.filter(|event| event.kind == agentsh::event::Kind::SessionCreated).last().unwrap();
    let name = last.event.session_id.unwrap().as_str().to_owned();
    assert!(lines.lines().next().unwrap().contains(&name), "{lines}");
    assert!(lines.contains("/bin/false") && !lines.contains("/bin/true"), "{lines}");
    let sessions: Vec<String> = place
        .events_of(agentsh::event::Kind::SessionCreated)
        .iter()
        .map(|event| event.event.session_id.as_ref().unwrap().as_str().to_owned())
        .collect();
    let other = tell(&["replay", "--diff", &sessions[1], &sessions[2]]);
    assert_eq!(other.status.code(), Some(1), "{}{}", text(&other.stdout), text(&other.stderr));
    assert!(text(&other.stdout).contains("exit 1"), "{}", text(&other.stdout));
    let same = tell(&["replay", "--diff", &sessions[2], &sessions[2]]);
    assert_eq!(same.status.code(), Some(0), "{}", text(&same.stdout));
}

#[test]
fn a_session_that_was_really_recorded_is_told_and_compared() {
    let place = Place::new();
    check_recorded(&place, |script| drop(place.shell(script)), |arguments| place.agentsh(arguments));
}

#[test]
fn an_ordinary_user_replays_what_it_recorded() {
    let Some(place) = Place::for_nobody("an ordinary user replays") else { return };
    let tell = |arguments: &[&str]| {
        let mut command = std::process::Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", AGENTSH, "--data-dir"])
            .arg(place.data())
            .args(arguments);
        command.env("HOME", place.folder()).stdin(std::process::Stdio::null()).output().unwrap()
    };
    check_recorded(&place, |script| drop(place.command_as_nobody(&["sh", "-c", script]).output().unwrap()), tell);
}
