//! Files that are cut, damaged, hostile, or of another type.

use std::io::{Cursor, Read as _, Write as _};
use std::path::Path;

use agentsh::capture::import::{Digest, Input, MAX_LINE_BYTES, MAX_RAW_BYTES, open};
use agentsh::event::ImportSource;
use proptest::prelude::*;

use super::rig::{Read, kinds, read, regression, unread};

/// The smallest of SigmaHQ's event logs, without the room that it does not use.
fn small_log(test: &str) -> Option<Vec<u8>> {
    let bytes = regression(test).iter().map(|path| std::fs::read(path).unwrap()).min_by_key(Vec::len)?;
    assert!(bytes.len() >= 4_096 + 65_536);
    Some(bytes)
}

#[test]
fn an_event_log_that_is_cut_anywhere_gives_what_is_left_and_says_what_is_missing() {
    let Some(log) = small_log("an_event_log_that_is_cut_anywhere_gives_what_is_left_and_says_what_is_missing") else { return };
    let whole = kinds(&read(ImportSource::Evtx, log.clone()).unwrap()).len();
    // Where records stand, every point; in the room behind them and in the tables, now and then.
    let used = log.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let points = (0..4_096 + 512).step_by(61).chain((4_096 + 512..used).step_by(13)).chain((used..log.len()).step_by(4_099));
    for end in points {
        match read(ImportSource::Evtx, log[..end].to_vec()) {
            Err(error) => assert!(end < 8, "{end}: {error}"),
            Ok(all) => {
                assert!(kinds(&all).len() <= whole);
                if end > 4_096 && end < log.len() && log[4_096..end].iter().any(|byte| *byte != 0) {
                    assert!(!unread(&all).is_empty(), "{end}: it is cut, and nothing says so");
                }
            }
        }
    }
}

#[test]
fn bits_that_flip_in_an_event_log_never_stop_the_import() {
    let Some(log) = small_log("bits_that_flip_in_an_event_log_never_stop_the_import") else { return };
    let used = log.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let config = ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(flips in prop::collection::vec((8..used, 0_u8..8), 1..12))| {
        let mut damaged = log.clone();
        for (at, bit) in flips {
            damaged[at] ^= 1 << bit;
        }
        prop_assert!(read(ImportSource::Evtx, damaged).is_ok());
    });
}

#[test]
fn a_chunk_that_was_changed_is_told_although_its_records_can_be_read() {
    let Some(mut log) = small_log("a_chunk_that_was_changed_is_told_although_its_records_can_be_read") else { return };
    let whole = read(ImportSource::Evtx, log.clone()).unwrap();
    assert_eq!(unread(&whole).len(), 0, "{:?}", unread(&whole));
    // A digit of the first record's time.
    log[4_096 + 512 + 16] ^= 1;
    let changed = read(ImportSource::Evtx, log).unwrap();
    assert!(unread(&changed)[0].reason.contains("checksum of chunk 1 is wrong"), "{:?}", unread(&changed));
    assert_eq!(kinds(&changed), kinds(&whole));
}

fn any_line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        "type=[A-Z]{3,9} msg=audit\\([0-9]{1,12}\\.[0-9]{3}:[0-9]{1,20}\\): ([a-z0-9\\[\\]]{1,5}=(\"[^\"\n]{0,20}\"|[0-9A-F]{0,20}|'[^'\n]{0,20}')[ ,]){0,8}".prop_map(String::into_bytes),
        "type=(SYSCALL|EXECVE|PATH|SOCKADDR|PROCTITLE) msg=audit\\(1\\.000:1\\): (a[0-3](\\[[0-9]\\])?|argc|saddr|syscall|arch|exit|name)=(\"[^\"\n]{0,9}\"|[0-9A-Fa-f]{0,40}) (argc|arch|syscall)=[0-9a-f]{1,20}".prop_map(String::into_bytes),
        "\\{\"time\":\"2023-09-28T18:18:13Z\",\"process\":\\{\\},\"event\":\\{\"(exec|open|fork|exit|mmap)\":\\{(\"stat\":-?[0-9]{1,18})?\\}\\}\\}".prop_map(String::into_bytes),
        "\\{\"EventID\":\"?[0-9]{1,5}\"?,\"(TargetObject|Details|CommandLine|Image)\":\"[^\"\\\\\n]{0,30}\"\\}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_line_of_any_text_is_told_counted_or_kept(lines in prop::collection::vec(any_line(), 1..12)) {
        let text = lines.join(&b'\n');
        for source in [ImportSource::Auditd, ImportSource::Eslogger, ImportSource::Jsonl] {
            // Only the first line may say that it is another file.
            let first: &[u8] = if source == ImportSource::Auditd { b"type=X msg=audit(1.000:7): a=1\n" } else { b"{}\n" };
            let all = read(source, [first, &text].concat()).unwrap();
            prop_assert!(!all.is_empty());
        }
    }
}

#[test]
fn text_with_nuls_and_bytes_that_are_no_utf_8_is_kept_byte_for_byte() {
    let line = b"type=SYSCALL msg=audit(1.000:1): arch=c000003e syscall=231 a0=0 exe=\"/\xff\x00\"";
    let all = read(ImportSource::Auditd, line.to_vec()).unwrap();
    assert!(matches!(&all[0], Read::Told(told) if told[0].payload.subject().unwrap() == "/\\xff\0"), "{all:?}");
    let all = read(ImportSource::Jsonl, b"{}\n{\"EventID\":1,\"Image\":\"\xff\"}".to_vec()).unwrap();
    assert!(matches!(&all[1], Read::Unread(unread) if unread.raw == b"{\"EventID\":1,\"Image\":\"\xff\"}"), "{all:?}");
}

#[test]
fn a_line_of_a_hundred_megabytes_takes_little_memory_and_is_told_by_its_beginning() {
    const SIZE: u64 = 100 * 1024 * 1024;
    let first = Cursor::new(b"{}\n{\"EventID\":\"".to_vec());
    let long = std::io::repeat(b'x').take(SIZE);
    let last = Cursor::new(b"\n{\"EventID\":5,\"Image\":\"C:\\\\a\"}\n".to_vec());
    let input = Input::of(Path::new("long"), Box::new(first.chain(long).chain(last)), Digest::Of(String::new())).unwrap();
    let mut reader = open(ImportSource::Jsonl, input).unwrap();
    let mut records = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        records.push(record);
    }
    assert_eq!(records.len(), 3);
    match &records[1].content {
        agentsh::capture::import::Content::Unread(unread) => {
            assert_eq!((unread.raw.len(), unread.size), (MAX_RAW_BYTES, SIZE + 12));
            assert!(unread.reason.contains(&MAX_LINE_BYTES.to_string()), "{}", unread.reason);
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(records[2].content, agentsh::capture::import::Content::Told(_)));
}

#[test]
fn a_file_that_expands_beyond_all_reason_is_refused_in_bounded_memory() {
    // 200 MiB of one line in 200 KiB, a thousandfold.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(b"{}\n").unwrap();
    let block = vec![b' '; 1024 * 1024];
    for _ in 0..200 {
        encoder.write_all(&block).unwrap();
    }
    let error = read(ImportSource::Jsonl, encoder.finish().unwrap()).unwrap_err();
    assert!(error.to_string().contains("grows to more than 400 times its size"), "{error}");
}

#[test]
fn a_compressed_file_that_is_cut_says_so() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"{\"EventID\":5,\"Image\":\"C:\\\\a\"}\n".repeat(50).as_slice()).unwrap();
    let bytes = encoder.finish().unwrap();
    assert!(read(ImportSource::Jsonl, bytes.clone()).is_ok());
    let error = read(ImportSource::Jsonl, bytes[..bytes.len() - 9].to_vec()).unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
}

#[test]
fn a_file_of_another_type_is_refused_with_what_it_is_and_what_to_do() {
    let check = |source: ImportSource, bytes: &[u8], words: &[&str]| {
        let error = read(source, bytes.to_vec()).unwrap_err().to_string();
        for word in words {
            assert!(error.contains(word), "{error} lacks `{word}`");
        }
    };
    check(ImportSource::Evtx, b"{\"EventID\":1}", &["not a Windows event log", "starts as JSON does", "agentsh import jsonl"]);
    check(ImportSource::Evtx, b"type=SYSCALL msg=", &["a log of auditd", "agentsh import auditd"]);
    check(ImportSource::Evtx, b"", &["is empty"]);
    check(ImportSource::Evtx, b"\x30\0\0\0LfLe", &["Windows XP"]);
    check(ImportSource::Auditd, b"ElfFile\0\0\0", &["not a log of auditd", "agentsh import evtx"]);
    check(ImportSource::Auditd, b"{\"a\":1}", &["starts as JSON does"]);
    check(ImportSource::Eslogger, b"type=SYSCALL msg=audit(1.000:1): a=1", &["agentsh import auditd"]);
    check(ImportSource::Jsonl, b"\x01\x02\x03", &["bytes that are no text"]);
    check(ImportSource::Jsonl, b"Dear reader", &["starts with other text"]);
    // A damaged line further down is no other file.
    assert!(read(ImportSource::Jsonl, b"{}\nDear reader".to_vec()).is_ok());
}
