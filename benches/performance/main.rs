//! Benchmarks.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]
use agentsh::event::*;
use agentsh::journal::{Journal, JournalConfig};
use std::time::Instant;
fn event(number: u64) -> Event {
    let time = agentsh::runtime::clock::now();
    Event {
        id: agentsh::runtime::ids::event_id(time),
        time,
        session_id: Some(SessionId::new("s-test")),
        command_id: None,
        cause: None,
        actor: Some(Actor {
            pid: 4242,
            ppid: Some(1),
            exe: Some("/usr/bin/cc1".into()),
            comm: Some("cc1".into()),
            uid: Some(1000),
            gid: Some(1000),
            cwd: Some("/home/dev/project".into()),
        }),
        attack: Vec::new(),
        severity: Severity::Informational,
        payload: FileOpen { path: format!("/home/dev/project/src/module_{number}.c").into(), access: FileAccess::Read, flags: 0 }
            .into(),
    }
}
fn main() {
    let dir = std::env::args().nth(1).filter(|a| a.starts_with('/')).unwrap_or("/tmp/bench-journal".into());
    let _ = std::fs::remove_dir_all(&dir);
    for threads in [1_u64, 2] {
        let journal = Journal::open(std::path::Path::new(&dir), &JournalConfig::default()).unwrap();
        let n = 400_000_u64;
        let start = Instant::now();
        std::thread::scope(|s| {
            for t in 0..threads {
                let j = &journal;
                s.spawn(move || {
                    for i in 0..n / threads {
                        j.channel().publish(&event(t * n + i));
                    }
                });
            }
        });
        let published = start.elapsed();
        assert!(journal.flush());
        let t = start.elapsed();
        println!("{threads} threads: {:.0} events/s (published in {:?}, flushed {:?})", n as f64 / t.as_secs_f64(), published, t);
        let s = Instant::now();
        journal.close().unwrap();
        println!("close {:?}", s.elapsed());
    }
}
