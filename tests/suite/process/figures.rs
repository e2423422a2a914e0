//! The figures of processes and commands: plausible, their own, and with their sources named.

use agentsh::event::{ExecStatistics, ProcessExit, StatisticsSource};

use super::exact::{check_links, name};
use super::has;
use super::tape::{Setup, Tape};
use super::tree::python;

fn exit_of(tape: &Tape, program: &str) -> ProcessExit {
    let exits = tape.exits().into_iter().map(|(_, exit)| exit);
    let mut all = exits.filter(|exit| name(exit.path.as_ref().unwrap()) == program);
    let exit = all.next().unwrap();
    assert!(all.next().is_none(), "one end of {program}");
    exit
}

fn within(part: f64, one: u64, other: u64) -> bool {
    let (one, other) = (one as f64, other as f64);
    (one - other).abs() <= part * one.max(other)
}

#[test]
fn a_cpu_hogs_time_is_within_a_tenth_of_what_wait4_says() {
    if !has("python3") {
        return;
    }
    let tape = Tape::default();
    // Threads that have ended count too.
    let script = "import threading, time\n\
        def spin():\n\
        \x20   end = time.thread_time() + 0.25\n\
        \x20   while time.thread_time() < end: sum(range(1000))\n\
        thread = threading.Thread(target=spin); thread.start(); thread.join(); spin()";
    let outcome = Setup::new([python().as_str(), "-c", script]).run(&tape);
    check_links(&tape);
    let own = tape.exits()[0].1.statistics.clone();
    // The command's figures come from wait4(2), and it was the only process.
    let waited = &outcome.statistics;
    assert_eq!((own.source, waited.source), (Some(StatisticsSource::Proc), Some(StatisticsSource::Rusage)));
    assert!(within(0.1, own.user_cpu_us.unwrap(), waited.user_cpu_us.unwrap()), "{own:?} {waited:?}");
    assert!(own.user_cpu_us.unwrap() + own.system_cpu_us.unwrap() >= 490_000, "{own:?}");
    assert!(own.wall_time_us.unwrap() >= 490_000, "{own:?}");
    assert!(tape.finished().statistics.wall_time_us.unwrap() >= own.wall_time_us.unwrap());
}

#[test]
fn a_memory_hogs_peak_is_found_also_after_it_was_given_back() {
    if !has("python3") {
        return;
    }
    let tape = Tape::default();
    let script = "hog = bytearray(b'x' * (100 << 20)); del hog";
    let outcome = Setup::new([python().as_str(), "-c", script]).run(&tape);
    for peak in [tape.exits()[0].1.statistics.peak_memory_bytes, outcome.statistics.peak_memory_bytes] {
        let peak = peak.unwrap() >> 20;
        // The literal is multiplied once and copied once.
        assert!((200..260).contains(&peak), "{peak} MiB");
    }
}

#[test]
fn the_peak_of_a_small_command_is_not_the_launchers() {
    let tape = Tape::default();
    let outcome = Setup::new(["true"]).run(&tape);
    assert!(outcome.statistics.peak_memory_bytes.unwrap() < 4 << 20, "{outcome:?}");
}

#[test]
fn bytes_are_the_processs_own_and_the_commands_are_the_sum() {
    let tape = Tape::default();
    let outcome = Setup::shell("dd if=/dev/zero of=/dev/null bs=1048576 count=32 2>/dev/null; exit 0").run(&tape);
    check_links(&tape);
    let (dd, shell) = (exit_of(&tape, "dd").statistics, exit_of(&tape, "dash").statistics);
    let figures = [dd.read_bytes, dd.written_bytes, shell.read_bytes, outcome.statistics.read_bytes];
    if figures.contains(&None) && !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: bytes of a process: /proc/<pid>/io may not be read here");
        return;
    }
    let whole = 32 << 20;
    let near = |bytes: Option<u64>| (whole..whole + 65_536).contains(&bytes.unwrap());
    assert!(near(dd.read_bytes) && near(dd.written_bytes), "{dd:?}");
    assert!(shell.read_bytes.unwrap() < 65_536, "the shell waited for dd, whose bytes are not its own: {shell:?}");
    assert!(near(outcome.statistics.read_bytes) && near(outcome.statistics.written_bytes), "{outcome:?}");
    assert_eq!((dd.io_source, outcome.statistics.io_source), (Some(StatisticsSource::Proc), Some(StatisticsSource::ProcessSum)));
}

#[test]
fn a_process_that_a_signal_ends_has_figures_or_none_but_no_zeroes_for_unknown_ones() {
    let tape = Tape::default();
    // The command itself is the launcher's child, so wait4(2) tells; what the shell starts is reaped by the shell.
    let script = "sleep 1000 & while [ \"$(readlink /proc/$!/exe)\" != /usr/bin/sleep ]; do :; done; \
        kill -KILL $!; wait $!; kill -KILL $$";
    let outcome = Setup::shell(script).run(&tape);
    check_links(&tape);
    assert_eq!(outcome.ending.exit_code(), 137);
    let command = exit_of(&tape, "dash").statistics;
    assert_eq!(command.source, Some(StatisticsSource::Rusage));
    assert!(command.peak_memory_bytes.unwrap() > 0 && command.minor_faults.unwrap() > 0, "{command:?}");
    let sleep = exit_of(&tape, "sleep");
    assert_eq!(sleep.signal.as_deref(), Some("SIGKILL"));
    assert_eq!(sleep.statistics.peak_memory_bytes, None, "its memory was gone before it could be read: {sleep:?}");
    assert_eq!(sleep.statistics.read_bytes, None);
    let sources = [None, Some(StatisticsSource::Proc)];
    assert!(sources.contains(&sleep.statistics.source), "{sleep:?}");
    let without_wall = ExecStatistics { wall_time_us: None, ..sleep.statistics.clone() };
    assert!(sleep.statistics.source.is_some() || without_wall == ExecStatistics::default(), "no source, no figures: {sleep:?}");
}

#[test]
fn switches_and_faults_are_counted() {
    let tape = Tape::default();
    let outcome = Setup::shell("sleep 0.01; sleep 0.01").run(&tape);
    for (_, exit) in tape.exits() {
        let statistics = exit.statistics;
        assert!(statistics.voluntary_switches.unwrap() > 0, "it has slept or waited: {statistics:?}");
        assert!(statistics.minor_faults.unwrap() > 0, "{statistics:?}");
    }
    assert!(outcome.statistics.voluntary_switches.unwrap() > 2, "{outcome:?}");
}
