//! The audit daemon's log.

use agentsh::event::{FileAccess, ImportSource, Kind, Payload};

use super::rig::{Read, kinds, one, read, unread};

const SOURCE: ImportSource = ImportSource::Auditd;

/// A system call with what belongs to it.
fn call(syscall: u32, rest: &str, records: &[&str]) -> String {
    let mut text = format!(
        "type=SYSCALL msg=audit(1700000000.123:42): arch=c000003e syscall={syscall} {rest} ppid=1 pid=77 auid=1000 uid=0 gid=0 euid=0 egid=0 ses=3 comm=\"x\" exe=\"/usr/bin/x\" key=\"watch\"\n"
    );
    for record in records {
        let (kind, fields) = record.split_once(' ').unwrap();
        text.push_str(&format!("type={kind} msg=audit(1700000000.123:42): {fields}\n"));
    }
    text
}

#[test]
fn a_program_start_has_its_arguments_whether_quoted_hex_or_in_pieces() {
    let text = call(
        59,
        "success=yes exit=0 a0=1 a1=2",
        &[
            "EXECVE argc=4 a0=\"curl\" a1=2D6F20612062 a2_len=8 a2[0]=68656C6C a2[1]=6F776F78 a3=\"--token=hunter2hunter2\"",
            "CWD cwd=\"/srv\"",
            "PATH item=0 name=\"/usr/bin/curl\" inode=1 mode=0100755 nametype=NORMAL",
            "PROCTITLE proctitle=6375726C002D6F",
        ],
    );
    let told = one(SOURCE, &text);
    let Payload::ProcessExec(exec) = &told.payload else { panic!("{told:?}") };
    assert_eq!(exec.argv, ["curl".into(), "-o a b".into(), "hellowox".into(), "--token=hunter2hunter2".into()]);
    assert_eq!((exec.argc, exec.path.to_string()), (4, "/usr/bin/x".to_owned()));
    let actor = told.actor.unwrap();
    assert_eq!((actor.pid, actor.ppid, actor.auid, actor.cwd), (77, Some(1), Some(1000), Some("/srv".into())));
    assert_eq!(told.time.as_micros(), 1_700_000_000_123_000);
    assert_eq!(
        (told.tag.as_deref(), told.code.as_deref(), told.provider.as_deref()),
        (Some("watch"), Some("execve"), Some("auditd"))
    );
    assert_eq!(told.failure, None);
}

#[test]
fn system_calls_become_the_operations_that_they_are() {
    let check = |syscall: u32, rest: &str, records: &[&str], expected: Kind, subject: &str| {
        let told = one(SOURCE, &call(syscall, rest, records));
        assert_eq!((told.payload.kind(), told.payload.subject().unwrap_or_default().as_ref()), (expected, subject), "{syscall}");
    };
    let cwd = "CWD cwd=\"/w\"";
    let normal = "PATH item=0 name=\"a\" mode=0100644 nametype=NORMAL";
    check(257, "success=yes a0=ffffff9c a1=1 a2=0 a3=0", &[cwd, normal], Kind::FileOpen, "/w/a");
    check(
        257,
        "success=yes a0=ffffff9c a1=1 a2=241 a3=1b6",
        &[cwd, "PATH item=1 name=\"b\" mode=0100644 nametype=CREATE"],
        Kind::FileCreate,
        "/w/b",
    );
    check(87, "success=yes a0=1", &[cwd, "PATH item=1 name=\"a\" mode=0100644 nametype=DELETE"], Kind::FileDelete, "/w/a");
    check(84, "success=yes a0=1", &[cwd, "PATH item=1 name=\"d\" mode=040755 nametype=DELETE"], Kind::DirDelete, "/w/d");
    check(
        82,
        "success=yes a0=1 a1=2",
        &[cwd, "PATH item=2 name=\"a\" mode=0100644 nametype=DELETE", "PATH item=3 name=\"b\" mode=0100644 nametype=CREATE"],
        Kind::FileRename,
        "/w/a",
    );
    check(90, "success=yes a0=1 a1=1ed", &[cwd, normal], Kind::FileChmod, "/w/a");
    check(92, "success=yes a0=1 a1=3e8 a2=ffffffff", &[cwd, normal], Kind::FileChown, "/w/a");
    check(42, "success=yes a0=3", &["SOCKADDR saddr=020001BB5DB8D8220000000000000000"], Kind::NetConnect, "93.184.216.34:443");
    check(42, "success=yes a0=3", &["SOCKADDR saddr=01002F72756E2F782E736F636B00"], Kind::UnixSocketConnect, "/run/x.sock");
    check(62, "success=yes a0=4d a1=9", &["OBJ_PID opid=77 ocomm=\"sshd\""], Kind::SignalSent, "77");
    check(56, "success=yes exit=99 a0=1", &[], Kind::ProcessFork, "99");
    check(231, "success=yes a0=3", &[], Kind::ProcessExit, "/usr/bin/x");
    check(101, "success=yes a0=10 a1=4d", &[], Kind::ProcessAccess, "77");
    check(175, "success=yes a0=1", &["KERN_MODULE name=\"evil\""], Kind::ImageLoad, "evil");
}

#[test]
fn a_call_that_failed_says_how() {
    let text = call(
        257,
        "success=no exit=-13 a0=ffffff9c a1=1 a2=1 a3=0",
        &["CWD cwd=\"/\"", "PATH item=0 name=\"/etc/shadow\" mode=0100640 nametype=NORMAL"],
    );
    let told = one(SOURCE, &text);
    assert_eq!(told.failure.map(|failure| (failure.errno, failure.error)), Some((13, "EACCES".to_owned())));
    assert!(matches!(told.payload, Payload::FileOpen(open) if open.access == FileAccess::Write));
}

#[test]
fn records_of_two_events_that_stand_between_each_other_are_joined() {
    let a = "type=SYSCALL msg=audit(1.000:1): arch=c000003e syscall=87 success=yes pid=1 exe=\"/bin/rm\" key=(null)\n";
    let b = a.replace("1.000:1", "1.001:2");
    let path =
        |stamp: &str, name: &str| format!("type=PATH msg=audit({stamp}): item=0 name=\"{name}\" mode=0100644 nametype=DELETE\n");
    let text = [a, b.as_str(), &path("1.000:1", "/a"), &path("1.001:2", "/b")].concat();
    let all = read(SOURCE, text).unwrap();
    let subjects: Vec<String> = all
        .iter()
        .map(
            |read| if let Read::Told(told) = read { told[0].payload.subject().unwrap().into_owned() } else { panic!("{read:?}") },
        )
        .collect();
    assert_eq!(subjects, ["/a", "/b"]);
}

#[test]
fn what_no_kind_fits_is_counted_and_what_is_no_record_is_kept() {
    let text = "type=USER_LOGIN msg=audit(1.000:1): pid=1 msg='op=login res=success'\nnonsense\u{0}\ntype=SYSCALL msg=audit(1.000:2): arch=c000003e syscall=999 success=yes\n";
    let all = read(SOURCE, text).unwrap();
    assert!(matches!(&all[0], Read::Unmapped(name) if name == "auditd USER_LOGIN"), "{all:?}");
    assert!(matches!(&all[2], Read::Unmapped(name) if name == "auditd 999"), "{all:?}");
    let unread = unread(&all);
    assert_eq!(unread.len(), 1);
    assert_eq!((unread[0].raw.as_slice(), unread[0].offset, unread[0].size), (&b"nonsense\0"[..], Some(69), 9));
    assert_eq!(kinds(&all), []);
}

#[test]
fn any_number_of_open_events_takes_bounded_memory_and_loses_none() {
    // No event is ever completed; each is told when too many are open.
    let text: String = (0..5_000)
        .map(|serial| format!("type=SYSCALL msg=audit(1.000:{serial}): arch=c000003e syscall=231 a0=0 exe=\"/x\"\n"))
        .collect();
    assert_eq!(read(SOURCE, text).unwrap().len(), 5_000);
}
