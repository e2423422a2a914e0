//! eslogger's messages, written after Apple's documentation of `es_message_t`.

use agentsh::event::{ImportSource, Kind, Payload};
use serde_json::{Value, json};

use super::rig::{Read, one, read, unread};

const SOURCE: ImportSource = ImportSource::Eslogger;

fn process(pid: u32, path: &str) -> Value {
    json!({
        "audit_token": {"pid": pid, "euid": 501, "ruid": 501, "egid": 20, "rgid": 20, "auid": 501, "asid": 100_001, "pidversion": 9},
        "ppid": 1, "original_ppid": 1, "group_id": pid, "session_id": pid, "is_platform_binary": true, "is_es_client": false,
        "signing_id": "com.apple.zsh", "team_id": null, "cdhash": "0A1B", "tty": null, "codesigning_flags": 0,
        "executable": {"path": path, "path_truncated": false, "stat": {"st_size": 7, "st_mode": 33_261}},
        "start_time": "2023-09-28T18:18:00.000000000Z", "responsible_audit_token": null, "parent_audit_token": null,
    })
}

fn file(path: &str) -> Value {
    json!({"path": path, "path_truncated": false, "stat": {"st_size": 12, "st_mode": 33_188, "st_ino": 1}})
}

fn message(event: &Value) -> String {
    json!({
        "schema_version": 1, "version": 7, "mach_time": 1, "global_seq_num": 1, "seq_num": 1, "action_type": 1, "thread": {"thread_id": 1},
        "time": "2023-09-28T18:18:13.123456789Z", "event_type": 9, "action": {"result": {"result_type": 0, "result": {"auth": 0}}},
        "process": process(300, "/bin/zsh"), "event": event,
    })
    .to_string()
}

#[test]
fn every_event_of_the_list_becomes_its_kind() {
    let check = |event: Value, kind: Kind, subject: &str| {
        let told = one(SOURCE, &message(&event));
        assert_eq!((told.payload.kind(), told.payload.subject().unwrap().as_ref()), (kind, subject), "{event}");
        assert_eq!(told.time.as_micros(), 1_695_925_093_123_456);
        let actor = told.actor.unwrap();
        assert_eq!((actor.pid, actor.uid, actor.gid, actor.auid), (300, Some(501), Some(20), Some(501)));
        assert_eq!((told.code.as_deref(), told.failure), (event.as_object().unwrap().keys().next().map(String::as_str), None));
    };
    let new_path = json!({"new_path": {"dir": file("/tmp"), "filename": "new", "mode": 33_188}, "existing_file": null});
    let exec = json!({"exec": {"target": process(300, "/bin/ls"), "args": ["ls", "-l"], "env": [], "cwd": file("/tmp"), "script": null, "fds": []}});
    check(exec, Kind::ProcessExec, "/bin/ls");
    check(json!({"fork": {"child": process(301, "/bin/zsh")}}), Kind::ProcessFork, "301");
    check(json!({"exit": {"stat": 256}}), Kind::ProcessExit, "/bin/zsh");
    check(json!({"open": {"fflag": 3, "file": file("/tmp/a")}}), Kind::FileOpen, "/tmp/a");
    check(json!({"create": {"destination_type": 1, "destination": new_path.clone(), "acl": null}}), Kind::FileCreate, "/tmp/new");
    check(json!({"write": {"target": file("/tmp/a")}}), Kind::FileWrite, "/tmp/a");
    check(
        json!({"rename": {"source": file("/tmp/a"), "destination_type": 1, "destination": new_path}}),
        Kind::FileRename,
        "/tmp/a",
    );
    check(json!({"unlink": {"target": file("/tmp/a"), "parent_dir": file("/tmp")}}), Kind::FileDelete, "/tmp/a");
    check(
        json!({"close": {"modified": true, "target": file("/tmp/a"), "was_mapped_writable": false}}),
        Kind::FileClose,
        "/tmp/a",
    );
    check(
        json!({"link": {"source": file("/tmp/a"), "target_dir": file("/tmp"), "target_filename": "b"}}),
        Kind::FileLink,
        "/tmp/a",
    );
    check(
        json!({"mmap": {"protection": 5, "max_protection": 7, "flags": 2, "file_pos": 0, "source": file("/lib/x.dylib")}}),
        Kind::ImageLoad,
        "/lib/x.dylib",
    );
    check(json!({"signal": {"sig": 9, "target": process(7, "/sbin/x"), "instigator": null}}), Kind::SignalSent, "7");
    check(
        json!({"uipc_connect": {"file": file("/var/run/x"), "domain": 1, "type": 1, "protocol": 0}}),
        Kind::UnixSocketConnect,
        "/var/run/x",
    );
}

#[test]
fn a_program_start_has_arguments_directory_and_signature_and_an_exit_its_status() {
    let exec = json!({"exec": {"target": process(300, "/bin/ls"), "args": ["ls", "-l"], "cwd": file("/tmp")}});
    let told = one(SOURCE, &message(&exec));
    let Payload::ProcessExec(exec) = told.payload else { panic!() };
    assert_eq!((exec.argv, exec.argc), (vec!["ls".into(), "-l".into()], 2));
    assert_eq!((exec.signature.as_deref(), exec.hashes), (Some("com.apple.zsh"), vec!["CDHASH=0A1B".to_owned()]));
    assert_eq!(told.actor.unwrap().cwd, Some("/tmp".into()));

    let ended = |stat: i64| match one(SOURCE, &message(&json!({"exit": {"stat": stat}}))).payload {
        Payload::ProcessExit(exit) => (exit.exit_code, exit.signal),
        other => panic!("{other:?}"),
    };
    assert_eq!(ended(0x200), (Some(2), None));
    // 30 is SIGUSR1 on macOS, and not on Linux.
    assert_eq!(ended(30), (None, Some("SIGUSR1".to_owned())));
}

#[test]
fn a_refused_operation_is_told_with_its_failure() {
    let text = message(&json!({"open": {"fflag": 1, "file": file("/x")}})).replace("\"auth\":0", "\"auth\":1");
    assert_eq!(one(SOURCE, &text).failure.unwrap().error, "EPERM");
}

#[test]
fn what_no_kind_fits_is_counted_by_its_name_and_a_broken_line_is_kept() {
    let lines = [
        message(&json!({"lookup": {"source_dir": file("/"), "relative_target": "x"}})),
        message(&json!({"mmap": {"protection": 1, "source": file("/x")}})),
        "{\"time\": 7".to_owned(),
        message(&json!({"exit": {"stat": 0}})).replace("2023-09-28T18:18:13.123456789Z", "yesterday"),
    ];
    let all = read(SOURCE, lines.join("\n")).unwrap();
    assert!(matches!(&all[0], Read::Unmapped(name) if name == "eslogger lookup"), "{all:?}");
    assert!(matches!(&all[1], Read::Unmapped(name) if name == "eslogger mmap"), "{all:?}");
    let unread = unread(&all);
    assert_eq!(unread.len(), 2);
    assert_eq!(unread[0].raw, b"{\"time\": 7");
    assert_eq!(unread[1].reason, "`yesterday` is no time");
}
