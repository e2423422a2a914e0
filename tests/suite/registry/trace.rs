//! The trace of Wine's server, line by line: what is an operation, whose it is, and what is counted once.

use agentsh::capture::registry::wine::line::{bytes, field, text, within};
use agentsh::capture::registry::wine::state::{Operation, Seen, WineState};
use agentsh::capture::registry::wine::value::data;
use agentsh::event::{Payload, RegistryValueType};
use proptest::prelude::*;

/// A program of its own, `C:\app.exe`, in process 0020 with thread 0024, and its key `HKCU\Software` under handle 0010.
const PROGRAM: &str = r#"0024: init_first_thread( unix_pid=700, unix_tid=700, debug_level=0, reply_fd=7, wait_fd=9 )
0024: init_first_thread() = 0 { pid=0020, tid=0024, server_start=1dd7 (-0.07), session_id=00000001, info_size=0, machines={8664,014c} }
0024: create_file( access=80100000, sharing=00000005, objattr={rootdir=0000,attributes=00000040,sd={},name=L"\\??\\C:\\app.exe"}, filename="/x" )
0024: create_file() = 0 { handle=0008 }
0024: init_process_done( teb=67fe0000, peb=67ff0000, ldt_copy=00000000 )
0024: init_process_done() = 0 { entry=1400014d0, suspend=0 }
0024: open_key( parent=0000, access=000f003f, attributes=00000040, name=L"\\Registry\\User\\S-1-5-21-7\\Software" )
0024: open_key() = 0 { hkey=0010 }
"#;

fn operations(lines: &str) -> Vec<Operation> {
    let mut state = WineState::default();
    for line in PROGRAM.lines() {
        state.line(line);
    }
    let seen = lines.lines().filter_map(|line| state.line(line));
    seen.filter_map(|seen| if let Seen::Operation(operation) = seen { Some(*operation) } else { None }).collect()
}

fn shown(lines: &str) -> Vec<String> {
    operations(lines)
        .iter()
        .map(|operation| format!("{} {}", operation.payload.kind().as_str(), operation.payload.subject().unwrap()))
        .collect()
}

#[test]
fn an_operation_has_its_process_its_program_and_its_key() {
    let found = operations("0024: delete_key_value( hkey=0010, name=L\"Text\" )\n0024: delete_key_value() = 0\n");
    let [operation] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((operation.pid, operation.image.as_deref(), operation.failed.as_deref()), (700, Some(r"C:\app.exe"), None));
    assert_eq!(operation.payload.subject().unwrap(), r"HKU\S-1-5-21-7\Software\Text");
}

#[test]
fn a_key_that_was_there_is_opened_and_one_that_was_not_is_made() {
    let create = |name: &str, status: &str| {
        format!(
            "0024: create_key( access=000f003f, options=00000000, objattr={{rootdir=0010,attributes=000000c0,sd={{}},name=L\"{name}\"}}, class=L\"\" )\n0024: create_key() = {status}\n"
        )
    };
    assert_eq!(shown(&create("A", "OBJECT_NAME_EXISTS { hkey=0014 }")), [r"registry_open_key HKU\S-1-5-21-7\Software\A"]);
    assert_eq!(shown(&create(r"A\\B", "0 { hkey=0014 }")), [r"registry_create_key HKU\S-1-5-21-7\Software\A\B"]);
    assert!(shown(&create(r"A\\B", "OBJECT_NAME_NOT_FOUND")).is_empty());
}

#[test]
fn a_value_that_did_not_fit_is_read_once() {
    let query = |reply: &str| format!("0024: get_key_value( hkey=0010, name=L\"V\" )\n0024: get_key_value() = {reply}\n");
    let (part, whole) = (
        query("0 { type=1, total=12, data={68,00} }"),
        query("0 { type=1, total=0000000c, data={68,00,65,00,6c,00,6c,00,6f,00,00,00} }"),
    );
    assert_eq!(shown(&format!("{part}{whole}")).len(), 1);
    assert_eq!(shown(&format!("{whole}{whole}")).len(), 2, "two readings are two");
    assert!(shown(&query("OBJECT_NAME_NOT_FOUND")).is_empty());
}

#[test]
fn a_key_that_was_renamed_is_known_by_its_new_name() {
    let lines = "0024: open_key( parent=0010, access=00020006, attributes=00000040, name=L\"Old\" )\n0024: open_key() = 0 { hkey=0034 }\n\
                 0024: rename_key( hkey=0034, name=L\"New\" )\n0024: rename_key() = 0\n0024: delete_key( hkey=0034 )\n0024: delete_key() = ACCESS_DENIED\n";
    let found = operations(lines);
    assert!(
        matches!(&found[1].payload, Payload::RegistryRenameKey(p) if p.key.ends_with("Old") && p.new_key.ends_with(r"Software\New"))
    );
    assert_eq!(found[2].payload.subject().unwrap(), r"HKU\S-1-5-21-7\Software\New");
    assert_eq!(found[2].failed.as_deref(), Some("ACCESS_DENIED"));
}

#[test]
fn what_wine_starts_by_itself_is_not_the_program() {
    let started = |image: &str| {
        format!(
            "0024: new_process( token=0000, flags=00000004, info={{imagepath=L\"{image}\",cmdline=L\"x\"}} )\n0024: new_process() = 0 {{ info=0010, pid=0028, handle=0014 }}\n\
             002c: init_first_thread( unix_pid=701, unix_tid=701 )\n002c: init_first_thread() = 0 {{ pid=0028, tid=002c }}\n\
             002c: delete_key_value( hkey=0010, name=L\"before\" )\n002c: delete_key_value() = 0\n\
             002c: init_process_done( teb=0 )\n002c: init_process_done() = 0 {{ entry=0 }}\n\
             002c: delete_key_value( hkey=0010, name=L\"x\" )\n002c: delete_key_value() = 0\n"
        )
    };
    assert!(operations(&started(r"C:\\windows\\system32\\wineboot.exe")).is_empty());
    // An inherited handle stands for the same key, and what the loader does is not the program's.
    let child = operations(&started(r"C:\\tools\\wineboot.exe"));
    assert_eq!(child.len(), 1, "{child:?}");
    assert_eq!((child[0].pid, child[0].image.as_deref()), (701, Some(r"C:\tools\wineboot.exe")));
}

#[test]
fn an_operation_on_a_handle_from_elsewhere_is_counted() {
    let mut state = WineState::default();
    for line in PROGRAM.lines() {
        state.line(line);
    }
    state.line("0024: delete_key( hkey=0099 )");
    assert_eq!(state.line("0024: delete_key() = 0"), Some(Seen::Unknown));
}

#[test]
fn texts_groups_and_bytes_are_read_as_they_were_written() {
    assert_eq!(text(r#"L"\xdcml\"a\\ut\n""#).unwrap(), "Üml\"a\\ut\n");
    assert_eq!(text(r#"L"\xd83d\xde00\x00e4a\1""#).unwrap(), "😀äa\u{1}");
    let fields = r#" hkey=0030, name=L"a, data={b}", data={2a,00}, objattr={rootdir=0014,sd={},name=L"}x"} "#;
    assert_eq!(field(fields, "data"), Some("{2a,00}"));
    assert_eq!(within(field(fields, "objattr").unwrap(), "name"), Some(r#"L"}x""#));
    assert_eq!(bytes("{2a,00,ff,...(total 2000)}"), [0x2a, 0, 0xff]);
}

#[test]
fn data_is_text_number_or_hex_and_never_a_secret() {
    assert_eq!(data(RegistryValueType::Dword, "n", &[0x2a, 0, 0, 0]), "42");
    assert_eq!(data(RegistryValueType::String, "n", &[0x68, 0, 0x69, 0, 0, 0]), "hi");
    assert_eq!(data(RegistryValueType::MultiString, "n", &[0x61, 0, 0, 0, 0x62, 0, 0, 0, 0, 0]), "a\nb");
    assert_eq!(data(RegistryValueType::Binary, "n", &[1, 0xab]), "01ab");
    let secret: Vec<u8> = "hunter2!".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(!data(RegistryValueType::String, "Password", &secret).contains("hunter2"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_trace_panics(lines in proptest::collection::vec("(0024: )?(open_key|set_key_value|new_process|rename_key)?[(){}=,L\"\\\\ a-z0-9]{0,40}", 0..12)) {
        let mut state = WineState::default();
        for line in PROGRAM.lines().chain(lines.iter().map(String::as_str)) {
            let _seen = state.line(line);
        }
    }
}
