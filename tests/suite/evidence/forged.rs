//! Bundles that are not what was exported: each is refused, and the message says what is wrong and where.

use std::io::Read as _;

use agentsh::encode::stored::{Columns, leaf_hash};
use agentsh::event::Seq;
use agentsh::journal::bundle::{BundleError, MAGIC, read};

use super::rig::{SESSION, bundle_of, interleaved, path, refused};
use crate::readers::recorded::record;

/// Changes the items, of which these are events.
type Forge = fn(&mut Vec<Vec<u8>>, &[usize]);

fn opened(bytes: &[u8]) -> Result<(), BundleError> {
    read::<BundleError>(bytes, None, |_, _, _| Ok(())).map(drop)
}

/// A bundle taken apart: tags and bodies behind the first line.
fn sections(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut rest = &bytes[MAGIC.len() + 1..];
    let mut sections = Vec::new();
    while let [tag, a, b, c, d, behind @ ..] = rest {
        let length = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
        sections.push((*tag, behind[..length].to_vec()));
        rest = &behind[length..];
    }
    sections
}

fn together(sections: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = [MAGIC, &[1]].concat();
    for (tag, body) in sections {
        bytes.push(*tag);
        bytes.extend_from_slice(&u32::try_from(body.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(body);
    }
    bytes
}

fn unpacked(body: &[u8]) -> Vec<u8> {
    let mut items = Vec::new();
    zstd::stream::read::Decoder::new(&body[4..]).unwrap().read_to_end(&mut items).unwrap();
    items
}

fn packed(items: &[u8]) -> Vec<u8> {
    let mut body = u32::try_from(items.len()).unwrap().to_le_bytes().to_vec();
    body.extend(zstd::stream::encode_all(items, 3).unwrap());
    body
}

/// The items, each with its tag; what `forge` makes of them is put in their place.
fn forged(bytes: &[u8], forge: impl FnOnce(&mut Vec<Vec<u8>>)) -> Vec<u8> {
    let mut sections = sections(bytes);
    let place = sections.iter().position(|(tag, _)| *tag == b'e').unwrap();
    let items = unpacked(&sections[place].1);
    let (mut rest, mut list, mut next) = (items.as_slice(), Vec::new(), 1_u64);
    while !rest.is_empty() {
        let length = if rest[0] == 1 {
            next += 1;
            5 + u32::from_le_bytes(rest[1..5].try_into().unwrap()) as usize
        } else {
            let count = u64::from_le_bytes(rest[1..9].try_into().unwrap());
            let (from, end) = (next - 1, next - 1 + count);
            next += count;
            9 + 32 * blocks(from, end)
        };
        list.push(rest[..length].to_vec());
        rest = &rest[length..];
    }
    forge(&mut list);
    sections[place].1 = packed(&list.concat());
    together(&sections)
}

/// How many perfect subtrees a range is made of, counted one leaf after the other.
fn blocks(from: u64, end: u64) -> usize {
    let (mut at, mut count) = (from, 0);
    while at < end {
        let mut size = 1;
        while at % (size * 2) == 0 && at + size * 2 <= end {
            size *= 2;
        }
        (at, count) = (at + size, count + 1);
    }
    count
}

#[test]
fn g4_no_byte_can_be_another_and_none_can_be_missing_or_too_many() {
    let recorded = record(|scribe| {
        scribe.session(Some(SESSION));
        scribe.observe(agentsh::event::SessionCreated::default(), None);
        scribe.session(Some("s0other2"));
        scribe.observe(agentsh::event::SessionCreated::default(), None);
        scribe.session(Some(SESSION));
        scribe.observe(agentsh::event::SessionEnded::default(), None);
    });
    let bytes = bundle_of(&recorded.data_dir, SESSION);
    opened(&bytes).unwrap();
    for at in 0..bytes.len() {
        for bit in [0x01, 0x20, 0x80] {
            let mut other = bytes.clone();
            other[at] ^= bit;
            assert!(opened(&other).is_err(), "byte {at} of {} can be another", bytes.len());
        }
        assert!(opened(&bytes[..at]).is_err(), "it can end at {at}");
    }
    assert!(matches!(opened(&[bytes.as_slice(), b"\n"].concat()), Err(BundleError::Trailing)));
}

#[test]
fn g4_an_event_that_was_edited_left_out_moved_doubled_or_added_is_found() {
    let bytes = bundle_of(&interleaved().data_dir, SESSION);
    opened(&forged(&bytes, |_| {})).unwrap_err();
    // Compressed anew the bytes are others, and the signature is over bytes; so what is signed is compared with events that were not changed too.
    assert!(matches!(opened(&forged(&bytes, |_| {})), Err(BundleError::Changed { .. })));

    let events =
        |list: &[Vec<u8>]| list.iter().enumerate().filter(|(_, item)| item[0] == 1).map(|(at, _)| at).collect::<Vec<_>>();
    let tries: [(&str, Forge); 5] = [
        ("edited", |list, events| {
            let item = &mut list[events[5]];
            let last = item.len() - 3;
            item[last] ^= 1;
        }),
        ("left out behind its hash", |list, events| {
            // The tree is the same: only the signature at the end tells.
            let at = events[5];
            let seq = seq_of(list, at);
            let frame = list[at][5..].to_vec();
            let leaf = leaf_hash(Seq::new(seq).unwrap(), &frame);
            list[at] = [&[2_u8][..], &1_u64.to_le_bytes(), &leaf].concat();
        }),
        ("left out", |list, events| drop(list.remove(events[5]))),
        ("moved", |list, events| list.swap(events[5], events[6])),
        ("doubled", |list, events| {
            let item = list[events[5]].clone();
            list.insert(events[5], item);
        }),
    ];
    for (what, forge) in tries {
        let forged = forged(&bytes, |list| {
            let events = events(list);
            forge(list, &events);
        });
        let error = opened(&forged).expect_err(what);
        let found = matches!(error, BundleError::Changed { .. } | BundleError::Event { .. });
        assert!(found, "{what}: {error}");
    }
}

/// Position of an item's first event.
fn seq_of(list: &[Vec<u8>], at: usize) -> u64 {
    1 + list[..at]
        .iter()
        .map(|item| if item[0] == 1 { 1 } else { u64::from_le_bytes(item[1..9].try_into().unwrap()) })
        .sum::<u64>()
}

#[test]
fn an_event_of_another_session_has_no_place_in_it() {
    let recorded = interleaved();
    let bytes = bundle_of(&recorded.data_dir, SESSION);
    let foreign = bundle_of(&recorded.data_dir, "s0other2");
    let mut event = Vec::new();
    forged(&foreign, |list| event.clone_from(list.iter().find(|item| item[0] == 1).unwrap()));
    assert!(Columns::parse(&event[5..]).is_ok());
    let error = opened(&forged(&bytes, |list| list.insert(1, event))).unwrap_err();
    assert!(error.to_string().contains("it is of another session"), "{error}");
}

#[test]
fn a_checkpoint_or_a_key_of_another_journal_does_not_fit() {
    let (one, two) = (interleaved(), interleaved());
    let (one, two) = (sections(&bundle_of(&one.data_dir, SESSION)), sections(&bundle_of(&two.data_dir, SESSION)));
    for (tag, says) in [(b'k', "not signed by"), (b'c', "not signed by"), (b's', "not signed by")] {
        let place = one.iter().position(|(found, _)| *found == tag).unwrap();
        let mut mixed = one.clone();
        mixed[place] = two[place].clone();
        let error = opened(&together(&mixed)).unwrap_err();
        assert!(error.to_string().contains(says), "{}: {error}", char::from(tag));
    }
    // Key and checkpoint of the other one: then it is the events that do not fit.
    let mut mixed = one.clone();
    for (mixed, other) in mixed.iter_mut().zip(&two).filter(|(section, _)| section.0 != b'e') {
        *mixed = other.clone();
    }
    assert!(matches!(opened(&together(&mixed)), Err(BundleError::Changed { .. })));
}

#[test]
fn sections_out_of_place_and_absurd_lengths_are_refused_before_memory_is_taken() {
    let bytes = bundle_of(&interleaved().data_dir, SESSION);
    let whole = sections(&bytes);
    let mut without = whole.clone();
    without.pop();
    assert!(opened(&together(&without)).unwrap_err().to_string().contains("the closing signature is missing"));
    for (one, other) in [(0, 1), (1, 2), (2, 3)] {
        let mut swapped = whole.clone();
        swapped.swap(one, other);
        assert!(matches!(opened(&together(&swapped)), Err(BundleError::Malformed { .. })), "{one} and {other}");
    }
    let start = MAGIC.len() + 1;
    let mut long = bytes.clone();
    long[start + 1..start + 5].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(opened(&long), Err(BundleError::TooLarge { .. })));

    // A part that claims more than any has, one that unfolds to more than it claims, one to less.
    let zeros = vec![0_u8; 64 << 20];
    let bomb = zstd::stream::encode_all(zeros.as_slice(), 19).unwrap();
    for (claims, says) in
        [(u32::MAX, "none is longer"), (1_000, "as many bytes as it claims"), (65 << 20, "as many bytes as it claims")]
    {
        let mut with_bomb = whole.clone();
        let place = with_bomb.iter().position(|(tag, _)| *tag == b'e').unwrap();
        with_bomb[place].1 = [claims.to_le_bytes().as_slice(), &bomb].concat();
        let error = opened(&together(&with_bomb)).unwrap_err();
        assert!(error.to_string().contains(says) && error.to_string().contains("seq 1"), "{claims}: {error}");
    }
    let gap = [&[2_u8][..], &u64::MAX.to_le_bytes()].concat();
    for item in [gap, [&[2_u8][..], &0_u64.to_le_bytes()].concat(), vec![1, 255, 255, 255, 255], vec![7], vec![1]] {
        let error = opened(&forged(&bytes, |list| list.insert(0, item.clone()))).unwrap_err();
        assert!(error.to_string().starts_with("seq 1: "), "{item:?}: {error}");
    }
}

#[test]
fn what_is_no_bundle_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = bundle_of(&interleaved().data_dir, SESSION);
    let newer = [MAGIC, &[2], &bytes[MAGIC.len() + 1..]].concat();
    for (name, content, says) in [
        ("newer", newer.as_slice(), "has format 2"),
        ("empty", b"".as_slice(), "this is no bundle"),
        ("text", b"hello, this is a file of text".as_slice(), "this is no bundle"),
        ("half", &bytes[..bytes.len() / 2], "cut off"),
    ] {
        let (file, text) = path(folder.path(), name);
        std::fs::write(&file, content).unwrap();
        let (elsewhere, _) = path(folder.path(), "elsewhere");
        let said = refused(&elsewhere, &["import", "bundle", &text]);
        assert!(said.contains(says) && said.contains(&text), "{name}: {said}");
        assert!(std::fs::read_dir(elsewhere.join("bundles")).unwrap().next().is_none(), "{name}");
    }
    let (_, empty) = path(folder.path(), "empty");
    assert!(refused(folder.path(), &["report", "--from", &empty]).contains("neither a bundle"));
    let (_, nothing) = path(folder.path(), "nothing-there");
    assert!(refused(folder.path(), &["report", "--from", &nothing]).contains("No such file"));
    assert!(refused(folder.path(), &["import", "bundle", folder.path().to_str().unwrap()]).contains("Is a directory"));
    let hollow = tempfile::tempdir().unwrap();
    assert!(refused(folder.path(), &["report", "--from", hollow.path().to_str().unwrap()]).contains("holds no Parquet file"));
}
