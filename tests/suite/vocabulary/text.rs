//! `OsText`: text that loses no byte.

use agentsh::event::OsText;
use proptest::prelude::*;

fn check(bytes: &[u8], text: &str) {
    assert_eq!(OsText::from_bytes(bytes).as_text(), text);
    assert_eq!(OsText::from_text(text).unwrap().as_bytes(), bytes);
}

#[test]
fn utf8_stands_as_it_is_and_every_other_byte_is_escaped() {
    check(b"", "");
    check("/work/naïve 文.rs".as_bytes(), "/work/naïve 文.rs");
    check(b"a\\b", r"a\\b");
    check(b"caf\xe9", r"caf\xe9");
    check(b"\\xe9", r"\\xe9");
    check(b"\xff\\\xfe", r"\xff\\\xfe");
    check(b"new\nline\x01", "new\nline\u{1}");
    // Half of a three-byte character, then a whole one.
    check(b"\xe6\x96\xe6\x96\x87", r"\xe6\x96文");
}

#[test]
fn a_backslash_that_starts_no_escape_is_refused_with_its_place() {
    for (text, at) in [(r"\", 0), (r"a\b", 1), (r"\\\", 2), (r"\x", 0), (r"ab\xg0", 2), (r"\x4", 0), (r"\xé0", 0)] {
        assert_eq!(OsText::from_text(text).unwrap_err().at, at, "{text}");
        assert!(serde_json::from_str::<OsText>(&serde_json::to_string(text).unwrap()).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn any_bytes_come_back_from_text_and_from_json(bytes: Vec<u8>) {
        let text = OsText::from_bytes(bytes.clone());
        let read = OsText::from_text(&text.as_text()).unwrap();
        prop_assert_eq!(read.as_bytes(), &bytes[..]);
        let json = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(serde_json::from_str::<OsText>(&json).unwrap(), text);
    }

    #[test]
    fn bytes_that_differ_have_texts_that_differ(one: Vec<u8>, other: Vec<u8>) {
        let (one, other) = (OsText::from_bytes(one), OsText::from_bytes(other));
        prop_assert_eq!(one == other, one.as_text() == other.as_text());
    }

    #[test]
    fn text_that_reads_at_all_reads_as_one_thing(text in r"[\\xa-f0-9é]{0,12}") {
        if let Ok(read) = OsText::from_text(&text) {
            prop_assert_eq!(OsText::from_text(&read.as_text()).unwrap(), read);
        }
    }
}
