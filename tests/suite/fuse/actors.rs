//! The process behind a thread id.

use std::process::{Command, Stdio};

use agentsh::capture::actor::{ActorSource as _, ProcActors};
use agentsh::event::OsText;

use super::rig::wait_for;

#[test]
fn nobody_is_nobody() {
    assert_eq!(ProcActors::new().actor(0, 1, 2), None);
}

#[test]
fn a_thread_is_its_process() {
    let actors = ProcActors::new();
    let tid = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                let tid = nix::unistd::gettid().as_raw().cast_unsigned();
                let actor = actors.actor(tid, 3, 4).unwrap();
                assert_eq!((actor.pid, actor.uid, actor.gid), (std::process::id(), Some(3), Some(4)));
                assert_eq!(actor.exe, std::env::current_exe().ok().map(|path| OsText::from(path.as_path())));
                // From the cache, and for other ids.
                let again = actors.actor(tid, 5, 6).unwrap();
                assert_eq!((again.pid, again.uid, again.exe), (actor.pid, Some(5), actor.exe));
                tid
            })
            .join()
            .unwrap()
    });
    assert_ne!(tid, std::process::id());
}

#[test]
fn a_process_that_has_gone_is_still_named_by_its_number() {
    let mut child = Command::new("/bin/true").spawn().unwrap();
    child.wait().unwrap();
    let actor = ProcActors::new().actor(child.id(), 1, 2).unwrap();
    assert_eq!((actor.pid, actor.exe, actor.uid), (child.id(), None, Some(1)));
}

#[test]
fn another_program_is_seen_once_the_process_is_invalidated() {
    let actors = ProcActors::new();
    let mut child =
        Command::new("/bin/sh").args(["-c", "read line; exec cat"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let pid = child.id();
    let comm = || actors.actor(pid, 0, 0).unwrap().comm.unwrap();
    wait_for("the shell", || {
        actors.invalidate(pid);
        comm() == OsText::from("sh")
    });
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"\n").unwrap();
    wait_for("the other program", || {
        actors.invalidate(pid);
        comm() == OsText::from("cat")
    });
    drop(child.stdin.take());
    child.wait().unwrap();
}

#[test]
fn what_is_not_announced_is_seen_soon() {
    let actors = ProcActors::new();
    let mut child =
        Command::new("/bin/sh").args(["-c", "cd /; read line"]).stdin(Stdio::piped()).current_dir("/proc").spawn().unwrap();
    wait_for("the new directory", || actors.actor(child.id(), 0, 0).unwrap().cwd == Some(OsText::from("/")));
    drop(child.stdin.take());
    child.wait().unwrap();
}
