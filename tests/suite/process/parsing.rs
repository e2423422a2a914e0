//! The pure parts: what `/proc` says, what a file's header means, where a program is looked for, what the filter answers.

use std::collections::BTreeMap;
use std::time::Duration;

use agentsh::capture::exec::launch::find::candidates;
use agentsh::capture::exec::notify::arguments::{KEPT_ARGUMENTS, KEPT_BYTES, cut};
use agentsh::capture::exec::notify::program::{Look, read_header};
use agentsh::capture::exec::procfs::{Bytes, parse_children, parse_io, parse_stat, parse_status};
use agentsh::capture::exec::seccomp::{Trapped, program};
use agentsh::capture::exec::statistics::split_cpu_time;
use agentsh::capture::exec::terminate::below;
use agentsh::event::OsText;
use nix::errno::Errno;
use proptest::prelude::*;

#[test]
fn status_is_read_and_lines_that_are_not_known_are_passed_over() {
    let text = b"Name:\tod\\n\\\\d:name\nUmask:\t0022\nTgid:\t7\nPid:\t8\nPPid:\t3\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n\
        VmHWM:\t  1204 kB\nThreads:\t2\nvoluntary_ctxt_switches:\t11\nnonvoluntary_ctxt_switches:\t12\n";
    let status = parse_status(text).unwrap();
    assert_eq!(status.name, OsText::from("od\n\\d:name"));
    assert_eq!((status.tgid, status.ppid, status.uid, status.gid), (7, 3, Some(2), Some(6)));
    assert_eq!((status.threads, status.peak_memory), (Some(2), Some(1204 * 1024)));
    assert_eq!((status.voluntary, status.involuntary), (Some(11), Some(12)));
    let zombie = parse_status(b"Name:\tx\nTgid:\t7\nPPid:\t1\n").unwrap();
    assert_eq!((zombie.peak_memory, zombie.voluntary), (None, None), "absent, not 0");
    assert_eq!(parse_status(b"Name:\tx\n"), None);
    assert_eq!(parse_status(b""), None);
}

#[test]
fn stat_is_read_also_when_the_name_looks_like_fields() {
    let text = b"42 (a) Z 9 (b) S 3 4 5 0 -1 4194304 100 0 7 0 250 50 0 0 20 0 1 0 777 1 2 3 4 5 6 7 8 9 0 1 2 3 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 15\n";
    let stat = parse_stat(text).unwrap();
    assert_eq!((stat.state, stat.ppid, stat.minor_faults, stat.major_faults), (b'S', 3, 100, 7));
    assert_eq!((stat.user_ticks, stat.system_ticks, stat.start_ticks, stat.exit_status), (250, 50, 777, Some(15)));
    assert_eq!(parse_stat(b"42 (x) S 3"), None);
    assert_eq!(parse_stat(b"42 (x"), None);
}

#[test]
fn io_and_children_are_read() {
    assert_eq!(parse_io(b"rchar: 12\nwchar: 34\nsyscr: 1\n"), Some(Bytes { read: 12, written: 34 }));
    assert_eq!(parse_io(b"syscr: 1\n"), None);
    assert_eq!(parse_children(b"12 345 6 ").collect::<Vec<_>>(), [12, 345, 6]);
    assert_eq!(parse_children(b"").count(), 0);
    let (more, less) = (Bytes { read: 5, written: 1 }, Bytes { read: 3, written: 2 });
    assert_eq!(more.minus(less), Bytes { read: 2, written: 0 }, "never below 0");
}

proptest! {
    #[test]
    fn no_text_of_proc_makes_a_reader_panic(text in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = (parse_status(&text), parse_stat(&text), parse_io(&text), parse_children(&text).count(), read_header(&text));
    }

    #[test]
    fn cpu_time_is_divided_without_loss(exact in 0..u64::MAX / 4, user in 0..u64::MAX / 4, system in 0..u64::MAX / 4) {
        let (exact, user) = (Duration::from_nanos(exact), Duration::from_nanos(user));
        let (own_user, own_system) = split_cpu_time(exact, user + Duration::from_nanos(system), user);
        prop_assert_eq!(own_user + own_system, exact);
    }
}

#[test]
fn cpu_time_is_divided_as_it_was_sampled() {
    let ms = Duration::from_millis;
    for (exact, sampled, sampled_user, expected) in [
        (ms(100), ms(40), ms(30), (ms(75), ms(25))),
        (ms(100), ms(0), ms(0), (ms(100), ms(0))),
        (ms(100), ms(10), ms(10), (ms(100), ms(0))),
        (ms(100), ms(10), ms(0), (ms(0), ms(100))),
    ] {
        assert_eq!(split_cpu_time(exact, sampled, sampled_user), expected);
    }
}

#[test]
fn a_header_says_what_the_kernel_will_do() {
    let elf = |class: u8, machine: u8| {
        let mut header = vec![0x7f, b'E', b'L', b'F', class];
        header.resize(18, 0);
        header.extend([machine, 0]);
        header
    };
    let script = |path: &str| Look::Script(path.as_bytes().to_vec());
    for (header, expected) in [
        (b"#!/bin/sh\n".to_vec(), script("/bin/sh")),
        (b"#! \t/bin/sh -e\nrest".to_vec(), script("/bin/sh")),
        (b"#!/bin/sh".to_vec(), script("/bin/sh")),
        (b"#!\n/bin/sh".to_vec(), Look::Fails(Errno::ENOEXEC)),
        (b"#!   ".to_vec(), Look::Fails(Errno::ENOEXEC)),
        (b"echo hello\n".to_vec(), Look::Fails(Errno::ENOEXEC)),
        (Vec::new(), Look::Fails(Errno::ENOEXEC)),
        (elf(2, 62), Look::Native),
        (elf(2, 183), Look::Native),
    ] {
        assert_eq!(read_header(&header), expected, "{header:?}");
    }
    if cfg!(target_arch = "x86_64") {
        assert_eq!(read_header(&elf(1, 3)), Look::Foreign, "i386");
        assert_eq!(read_header(&elf(1, 62)), Look::Foreign, "x32");
        assert_eq!(read_header(&elf(1, 40)), Look::Native, "an emulator may take what this machine cannot run");
    }
}

#[test]
fn a_program_is_looked_for_as_execvp_does() {
    let check = |program: &str, path: Option<&str>, expected: &[&str]| {
        let found = candidates(program.as_bytes(), path.map(str::as_bytes));
        let found: Vec<_> = found.iter().map(|candidate| candidate.to_str().unwrap()).collect();
        assert_eq!(found, expected, "{program} in {path:?}");
    };
    check("ls", Some("/a:/b"), &["/a/ls", "/b/ls"]);
    check("ls", Some("/a::/b:"), &["/a/ls", "./ls", "/b/ls", "./ls"]);
    check("ls", Some(""), &["./ls"]);
    check("ls", None, &["/bin/ls", "/usr/bin/ls"]);
    check("./ls", Some("/a"), &["./ls"]);
    check("/x/ls", Some("/a"), &["/x/ls"]);
    check("", Some("/a"), &[]);
}

#[test]
fn arguments_are_cut_to_what_an_event_keeps() {
    let argument = |length: usize| OsText::from("x".repeat(length));
    let lengths = |arguments: Vec<OsText>| cut(arguments).iter().map(|argument| argument.as_bytes().len()).collect::<Vec<_>>();
    assert_eq!(lengths(vec![argument(3), argument(0), argument(4)]), [3, 0, 4]);
    assert_eq!(lengths(vec![argument(KEPT_BYTES)]), [KEPT_BYTES]);
    assert_eq!(lengths(vec![argument(KEPT_BYTES + 1), argument(1)]), [KEPT_BYTES]);
    assert_eq!(lengths(vec![argument(KEPT_BYTES - 1), argument(2), argument(1)]), [KEPT_BYTES - 1, 1]);
    assert_eq!(lengths(vec![argument(KEPT_BYTES), argument(1), argument(1)]), [KEPT_BYTES]);
    assert_eq!(lengths(vec![argument(0); KEPT_ARGUMENTS + 1]).len(), KEPT_ARGUMENTS);
}

#[test]
fn a_tree_is_walked_to_its_leaves_and_not_beyond() {
    let children = BTreeMap::from([(1, vec![2, 9]), (2, vec![3, 4]), (4, vec![5]), (9, vec![10]), (5, vec![2])]);
    let found = |ancestor| below(ancestor, &children).into_iter().collect::<Vec<_>>();
    assert_eq!(found(9), [10]);
    assert_eq!(found(2), [2, 3, 4, 5], "a circle, which numbers that change meanwhile can make, ends");
    assert!(found(3).is_empty());
}

/// Runs the filter as the kernel would; knows the instructions that the filter is made of, and fails on any other.
fn interpret(arch: u32, number: u32) -> u32 {
    let program = program().unwrap();
    let (mut at, mut accumulator) = (0, 0);
    loop {
        let step = &program[at];
        at += 1;
        let jump = |taken: bool| usize::from(if taken { step.jt } else { step.jf });
        match (u32::from(step.code), step.k) {
            (0x20, 0) => accumulator = number,
            (0x20, 4) => accumulator = arch,
            (0x15, k) => at += jump(accumulator == k),
            (0x35, k) => at += jump(accumulator >= k),
            (0x06, k) => return k,
            other => panic!("instruction {other:?}"),
        }
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn the_filter_traps_three_calls_and_refuses_other_abis() {
    const NATIVE: u32 = 0xC000_003E;
    let (trap, pass, refuse) = (libc::SECCOMP_RET_USER_NOTIF, libc::SECCOMP_RET_ALLOW, libc::SECCOMP_RET_ERRNO | 38);
    for (number, expected) in [
        (59, trap),
        (322, trap),
        (231, trap),
        (0, pass),
        (1, pass),
        (60, pass),
        (435, pass),
        (0x4000_0000 + 520, refuse),
        (u32::MAX, refuse),
    ] {
        assert_eq!(interpret(NATIVE, number), expected, "{number}");
    }
    for number in [0, 1, 11, 59, 231, 358] {
        assert_eq!(interpret(0x4000_0003, number), refuse, "i386 {number}");
        assert_eq!(interpret(0xC000_00B7, number), refuse, "aarch64 {number}");
    }
    assert_eq!(Trapped::from_number(59), Some(Trapped::Execve));
    assert_eq!(Trapped::from_number(60), None);
}
