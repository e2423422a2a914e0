//! Sysmon's and Windows' own events, as JSON lines have them: the same table reads binary logs.

use agentsh::event::{FileAccess, ImportSource, Kind, Payload, RegistryValueType};
use serde_json::{Value, json};

use super::rig::{Read, one, read};

const SOURCE: ImportSource = ImportSource::Jsonl;

fn told(event: &Value) -> agentsh::capture::import::Told {
    one(SOURCE, &event.to_string())
}

fn security(id: u32, fields: Value) -> Value {
    let mut event = json!({
        "SourceName": "Microsoft-Windows-Security-Auditing", "EventID": id, "Computer": "ws1", "TimeCreated": "2025-11-28T08:30:20.966901Z",
        "SubjectUserName": "bob", "SubjectDomainName": "CORP", "SubjectLogonId": "0x3e7", "ProcessId": "0x4d2", "ProcessName": "C:\\a.exe",
    });
    event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    event
}

#[test]
fn every_sysmon_event_of_the_list_becomes_its_kind() {
    let check = |id: u32, fields: Value, kind: Kind, subject: &str| {
        let mut event = json!({"EventID": id, "Image": "C:\\a.exe", "ProcessId": 7, "User": "CORP\\bob", "UtcTime": "2025-11-28 08:30:20.964", "RuleName": "-"});
        event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let told = told(&event);
        let text = told.payload.subject().unwrap_or_default().replace("\\\\", "\\");
        assert_eq!((told.payload.kind(), text.as_str()), (kind, subject), "{event}");
        assert_eq!((told.time.as_micros(), told.tag), (1_764_318_620_964_000, None));
    };
    check(1, json!({"CommandLine": "a.exe /x", "ParentImage": "C:\\b.exe"}), Kind::ProcessExec, "C:\\a.exe");
    check(
        3,
        json!({"DestinationIp": "10.0.0.1", "DestinationPort": "443", "DestinationHostname": "-", "Initiated": "true", "Protocol": "tcp"}),
        Kind::NetConnect,
        "10.0.0.1:443",
    );
    check(5, json!({}), Kind::ProcessExit, "C:\\a.exe");
    check(7, json!({"ImageLoaded": "C:\\x.dll", "Signed": "false"}), Kind::ImageLoad, "C:\\x.dll");
    check(
        10,
        json!({"SourceProcessId": 7, "SourceImage": "C:\\a.exe", "TargetProcessId": 8, "TargetImage": "C:\\lsass.exe", "GrantedAccess": "0x1410"}),
        Kind::ProcessAccess,
        "C:\\lsass.exe",
    );
    check(11, json!({"TargetFilename": "C:\\new"}), Kind::FileCreate, "C:\\new");
    check(12, json!({"EventType": "CreateKey", "TargetObject": "HKLM\\A"}), Kind::RegistryCreateKey, "HKLM\\A");
    check(12, json!({"EventType": "DeleteKey", "TargetObject": "HKLM\\A"}), Kind::RegistryDeleteKey, "HKLM\\A");
    check(12, json!({"EventType": "DeleteValue", "TargetObject": "HKLM\\A\\v"}), Kind::RegistryDeleteValue, "HKLM\\A\\v");
    check(
        13,
        json!({"EventType": "SetValue", "TargetObject": "HKLM\\A\\v", "Details": "DWORD (0x00000001)"}),
        Kind::RegistrySetValue,
        "HKLM\\A\\v",
    );
    check(
        14,
        json!({"EventType": "RenameKey", "TargetObject": "HKLM\\A", "NewName": "HKLM\\B"}),
        Kind::RegistryRenameKey,
        "HKLM\\A",
    );
    check(
        15,
        json!({"TargetFilename": "C:\\f:Zone.Identifier", "Contents": "[ZoneTransfer]", "Hash": "MD5=0"}),
        Kind::FileCreate,
        "C:\\f:Zone.Identifier",
    );
    check(17, json!({"PipeName": "\\p"}), Kind::PipeCreate, "\\p");
    check(18, json!({"PipeName": "\\p"}), Kind::PipeConnect, "\\p");
    check(22, json!({"QueryName": "a.test", "QueryStatus": "9003", "QueryResults": "-"}), Kind::DnsQuery, "a.test");
    check(
        23,
        json!({"TargetFilename": "C:\\old", "Hashes": "MD5=0,SHA1=1", "IsExecutable": "true", "Archived": "true"}),
        Kind::FileDelete,
        "C:\\old",
    );
    check(26, json!({"TargetFilename": "C:\\old"}), Kind::FileDelete, "C:\\old");
    let other = read(SOURCE, json!({"EventID": 255, "Image": "x"}).to_string()).unwrap();
    assert!(matches!(&other[0], Read::Unmapped(name) if name == "Microsoft-Windows-Sysmon 255"));
}

#[test]
fn what_sysmon_says_of_a_process_a_stream_a_query_and_a_value_is_kept() {
    let process = told(&json!({
        "EventID": 1, "Image": "C:\\a.exe", "ProcessId": 7, "ParentProcessId": 6, "CommandLine": "\"C:\\a.exe\" -x \"b c\"", "CurrentDirectory": "C:\\",
        "ParentCommandLine": "cmd /c a", "IntegrityLevel": "High", "Hashes": "MD5=0,IMPHASH=1", "OriginalFileName": "A.EXE", "LogonId": "0x3e7", "Company": "-",
    }));
    let Payload::ProcessExec(exec) = process.payload else { panic!() };
    assert_eq!(exec.argv, ["C:\\a.exe".into(), "-x".into(), "b c".into()]);
    assert_eq!((exec.command_line.as_deref(), exec.company), (Some("\"C:\\a.exe\" -x \"b c\""), None));
    assert_eq!((exec.integrity_level.as_deref(), exec.hashes.len()), (Some("High"), 2));
    assert_eq!(process.actor.unwrap().logon_id.as_deref(), Some("0x3e7"));
    let stream =
        told(&json!({"EventID": 15, "TargetFilename": "C:\\f.exe:Zone.Identifier", "Contents": "ZoneId=3", "Hash": "MD5=0"}));
    assert!(
        matches!(stream.payload, Payload::FileCreate(file) if file.stream.as_deref() == Some("Zone.Identifier") && file.contents.as_deref() == Some("ZoneId=3"))
    );
    let query = told(
        &json!({"EventID": 22, "QueryName": "a.test", "QueryStatus": "0", "QueryResults": "type:  5 b.test;::ffff:1.2.3.4;"}),
    );
    assert!(
        matches!(query.payload, Payload::DnsQuery(dns) if dns.answers == ["type:  5 b.test", "::ffff:1.2.3.4"] && dns.rcode.as_deref() == Some("NOERROR"))
    );
    let value = told(
        &json!({"EventID": 13, "EventType": "SetValue", "TargetObject": "\\REGISTRY\\USER\\S-1-5\\A\\v", "Details": "DWORD (0x0000000a)"}),
    );
    let Payload::RegistrySetValue(set) = value.payload else { panic!() };
    assert_eq!((set.key.as_str(), set.value_type, set.data.as_deref()), ("HKU\\S-1-5\\A", RegistryValueType::Dword, Some("10")));
    assert_eq!(set.details.as_deref(), Some("DWORD (0x0000000a)"));
}

#[test]
fn the_audit_of_windows_tells_of_processes_files_keys_and_connections() {
    let start = told(&security(
        4688,
        json!({
            "NewProcessId": "0x1f4", "NewProcessName": "C:\\b.exe", "CommandLine": "b.exe /q", "ParentProcessName": "C:\\a.exe",
            "TargetUserName": "-", "MandatoryLabel": "S-1-16-12288",
        }),
    ));
    let actor = start.actor.clone().unwrap();
    assert_eq!((actor.pid, actor.ppid, actor.user.as_deref()), (500, Some(1234), Some("CORP\\bob")));
    assert!(
        matches!(start.payload, Payload::ProcessExec(exec) if exec.integrity_level.as_deref() == Some("High") && exec.parent_exe == Some("C:\\a.exe".into()))
    );
    assert!(
        matches!(told(&security(4689, json!({"Status": "0x1"}))).payload, Payload::ProcessExit(exit) if exit.exit_code == Some(1))
    );

    let open =
        told(&security(4663, json!({"ObjectType": "File", "ObjectName": "C:\\f", "HandleId": "0x10", "AccessMask": "0x2"})));
    assert!(
        matches!(open.payload, Payload::FileOpen(open) if open.access == FileAccess::Write && open.rights.as_deref() == Some("0x2"))
    );
    let value = told(&security(
        4657,
        json!({"ObjectName": "\\REGISTRY\\MACHINE\\A", "ObjectValueName": "v", "OperationType": "%%1904", "NewValueType": "%%1873", "NewValue": "x"}),
    ));
    assert!(
        matches!(value.payload, Payload::RegistrySetValue(set) if set.key == "HKLM\\A" && set.value_type == RegistryValueType::String)
    );
    let packet = told(&security(
        5156,
        json!({"ProcessID": "9", "Application": "\\device\\a.exe", "Direction": "%%14592", "SourceAddress": "10.0.0.2", "SourcePort": "1", "DestAddress": "10.0.0.1", "DestPort": "22", "Protocol": "6"}),
    ));
    assert!(matches!(packet.payload, Payload::NetConnect(connect) if connect.initiated == Some(false) && connect.port == 22));
    assert_eq!(packet.actor.unwrap().pid, 9);
}

#[test]
fn an_object_that_was_deleted_is_known_by_its_handle_and_a_failed_audit_is_a_failure() {
    let lines = [
        security(
            4656,
            json!({"ObjectType": "File", "ObjectName": "C:\\secret", "HandleId": "0x20", "AccessMask": "0x10000", "Keywords": "0x8010000000000000"}),
        ),
        security(4660, json!({"HandleId": "0x20"})),
        security(4660, json!({"HandleId": "0x99"})),
    ];
    let all = read(SOURCE, lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")).unwrap();
    assert!(matches!(&all[0], Read::Told(told) if told[0].failure.is_some()), "{all:?}");
    assert!(
        matches!(&all[1], Read::Told(told) if told[0].payload.subject().unwrap() == "C:\\\\secret" && told[0].payload.kind() == Kind::FileDelete),
        "{all:?}"
    );
    // Whose handle it is cannot be known.
    assert!(matches!(&all[2], Read::Unmapped(name) if name.ends_with("4660")), "{all:?}");
}
