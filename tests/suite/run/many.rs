//! Several recorders at once, and recorders that are killed.

use std::process::{Child, Stdio};

use agentsh::event::{Kind, Payload};

use super::support::{Place, wait_until};

#[test]
fn two_sessions_on_one_workspace_and_one_journal_both_record() {
    let place = Place::new();
    let run = |name: &str| {
        let mut command = place.command(&["sh", "-c", &format!("for i in 1 2 3 4 5; do echo $i > {name}-$i; done")]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let both = [run("a"), run("b")];
    for mut child in both {
        assert!(child.wait().unwrap().success());
    }
    for name in ["a", "b"] {
        assert!(place.workspace().join(format!("{name}-5")).exists());
    }
    let created = place.subjects(Kind::FileCreate);
    assert!(created.is_empty() || created.len() == 10, "{created:?}");
    assert_eq!(place.events_of(Kind::SessionEnded).len(), 2);
    place.check_whole();
    place.check_accounted();
}

#[test]
fn two_data_directories_are_two_journals() {
    let (first, second) = (Place::new(), Place::new());
    first.run(&["true"]);
    second.run(&["true"]);
    for place in [&first, &second] {
        assert_eq!(place.events_of(Kind::SessionCreated).len(), 1);
        place.check_whole();
    }
    let key = |place: &Place| std::fs::read_to_string(place.data_dir().public_key()).unwrap();
    assert_ne!(key(&first), key(&second));
}

#[test]
fn g3_ten_recorders_at_once_make_one_gapless_order_also_when_three_of_them_are_killed() {
    let place = Place::new();
    let spawn = |number: usize| -> Child {
        let script = if number < 3 {
            // To be killed: works until then.
            format!("touch started-{number}; while :; do echo x > file-{number}; cat file-{number} > /dev/null; done")
        } else {
            format!("i=0; while [ $i -lt 40 ]; do echo $i > file-{number}; /bin/true; i=$((i+1)); done")
        };
        place.command(&["sh", "-c", &script]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let mut children: Vec<Child> = (0..10).map(spawn).collect();
    for number in 0..3 {
        wait_until("the command runs", || place.workspace().join(format!("started-{number}")).exists());
    }
    for victim in &mut children[..3] {
        victim.kill().unwrap();
        victim.wait().unwrap();
    }
    for child in &mut children[3..] {
        assert!(child.wait().unwrap().success());
    }
    // Whoever opens the journal next drains what the three have left.
    assert!(place.run(&["true"]).status.success());
    place.check_whole();
    place.check_accounted();
    assert_eq!(place.events_of(Kind::SessionCreated).len(), 11);
    assert_eq!(place.events_of(Kind::SessionEnded).len(), 8, "all but the three");
    let drained: u64 = place
        .events_of(Kind::JournalOpened)
        .iter()
        .map(|event| if let Payload::JournalOpened(opened) = &event.event.payload { opened.intakes_drained } else { 0 })
        .sum();
    assert_eq!(drained, 3);
}

#[test]
fn g1_a_recorder_that_is_killed_takes_its_command_with_it_and_what_it_let_through_is_on_record() {
    let place = Place::new();
    let script = "i=0; while :; do i=$((i+1)); echo $i > file-$i; done";
    let mut child = place.command(&["sh", "-c", script]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let made = || std::fs::read_dir(place.workspace()).unwrap().count();
    wait_until("the command has made files", || made() > 200);
    child.kill().unwrap();
    child.wait().unwrap();
    let mut before = made();
    wait_until("the command is gone", || {
        let now = made();
        let same = now == before && !is_running("file-$i");
        before = now;
        same
    });
    assert!(place.run(&["true"]).status.success());
    let recorded = place.subjects(Kind::FileCreate);
    for entry in std::fs::read_dir(place.workspace()).unwrap() {
        let path = entry.unwrap().path().display().to_string();
        assert!(recorded.is_empty() || recorded.contains(&path), "{path} was made and is not on record");
    }
    place.check_whole();
    place.check_accounted();
}

/// Whether a process with the text in its arguments runs.
fn is_running(part: &str) -> bool {
    std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let own = entry.file_name() == std::process::id().to_string().as_str();
        let arguments = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        !own && String::from_utf8_lossy(&arguments).contains(part)
    })
}
