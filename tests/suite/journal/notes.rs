//! Signed notes and the key files.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};

use agentsh::journal::{Checkpoint, DataDir, JournalKey, NoteError, PublicKey};

use super::rig::open;
use crate::support::open_event;

fn key(folder: &tempfile::TempDir, name: &str) -> JournalKey {
    JournalKey::open_or_create(&folder.path().join("journal.key"), name).unwrap()
}

fn checkpoint(size: u64) -> Checkpoint {
    Checkpoint { origin: "agentsh.journal/test".to_owned(), tree_size: size, root: [size as u8; 32] }
}

#[test]
fn what_is_signed_is_read_back_and_only_by_its_key() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (key, stranger) = (key(&folder, "agentsh.journal/test"), key(&other, "agentsh.journal/test"));
    for size in [0, 1, 9, 10, u64::MAX] {
        let note = key.sign(&checkpoint(size));
        assert_eq!(key.public().verify(&note).unwrap(), checkpoint(size));
        assert!(matches!(stranger.public().verify(&note), Err(NoteError::Signature { .. })));
    }
    // Signing is deterministic (RFC 8032), so the same state has one note.
    assert_eq!(key.sign(&checkpoint(5)), key.sign(&checkpoint(5)));
}

#[test]
fn a_note_that_was_changed_anywhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let key = key(&folder, "agentsh.journal/test");
    let note = key.sign(&checkpoint(7));
    for at in 0..note.len() {
        if !note.is_char_boundary(at) || !note.is_char_boundary(at + 1) {
            continue;
        }
        for new in ["x", "\n", ""] {
            let changed = format!("{}{new}{}", &note[..at], &note[at + 1..]);
            if changed != note {
                assert!(key.public().verify(&changed).is_err(), "byte {at}: {changed:?}");
            }
        }
        assert!(key.public().verify(&note[..at]).is_err(), "cut at {at}");
    }
    for changed in
        [format!("{note}junk"), format!("{note}\n"), format!("\n{note}"), format!("{note}junk\n"), note.replace('\n', "\r\n")]
    {
        assert!(key.public().verify(&changed).is_err(), "{changed:?}");
    }
}

#[test]
fn one_size_has_one_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.key");
    let public = key(&folder, "agentsh.journal/test").public();
    // Signed with the key itself, so that only the size's text can be what is refused.
    let private = fs::read_to_string(&path).unwrap();
    let seed = STANDARD.decode(private.trim().splitn(5, '+').nth(4).unwrap()).unwrap();
    let signer = SigningKey::from_bytes(&seed[1..].try_into().unwrap());
    let printed = public.to_text();
    let key_hash: Vec<u8> = printed
        .split('+')
        .nth(1)
        .unwrap()
        .as_bytes()
        .chunks(2)
        .map(|hex| u8::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap())
        .collect();
    let note = |size: &str| {
        let text = format!("agentsh.journal/test\n{size}\n{}\n", STANDARD.encode([7; 32]));
        let signature = [key_hash.as_slice(), &signer.sign(text.as_bytes()).to_bytes()].concat();
        format!("{text}\n\u{2014} agentsh.journal/test {}\n", STANDARD.encode(signature))
    };
    assert_eq!(public.verify(&note("7")).unwrap().tree_size, 7);
    for size in ["007", "+7", " 7", "7 ", "-7", "0x7", "18446744073709551616"] {
        assert!(matches!(public.verify(&note(size)), Err(NoteError::Malformed { part: "tree size" })), "{size:?}");
    }
}

#[test]
fn other_signatures_may_stand_beside_ours() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (key, witness) = (key(&folder, "agentsh.journal/test"), key(&other, "witness.test"));
    let (note, cosigned) = (key.sign(&checkpoint(7)), witness.sign(&checkpoint(7)));
    let signature = cosigned.lines().last().unwrap();
    assert_eq!(key.public().verify(&format!("{note}{signature}\n")).unwrap(), checkpoint(7));
    // In any order.
    let (text, ours) = note.split_once("\n\n").unwrap();
    assert_eq!(key.public().verify(&format!("{text}\n\n{signature}\n{ours}")).unwrap(), checkpoint(7));
}

#[test]
fn the_printable_key_is_the_note_formats() {
    let folder = tempfile::tempdir().unwrap();
    let key = key(&folder, "agentsh.journal/test");
    let text = key.public().to_text();
    assert_eq!(PublicKey::parse(&text).unwrap(), key.public());
    assert_eq!(PublicKey::parse(&format!("{text}\n")).unwrap(), key.public());
    // The key of Go's checksum database, whose printable form and key hash the same specification makes.
    let known = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
    assert_eq!(PublicKey::parse(known).unwrap().to_text(), known);
    for bad in [
        "",
        "name",
        "sum.golang.org+033de0af+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        "sum.golang.com+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn",
        "sum.golang.org+033de0ae+!!!",
        "sum.golang.org+033de0ae+",
    ] {
        assert!(matches!(PublicKey::parse(bad), Err(NoteError::PublicKey { .. })), "{bad}");
    }
}

#[test]
fn the_key_is_made_once_for_its_owner_alone_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = DataDir::at(folder.path());
    let mut texts = Vec::new();
    for number in 0..3 {
        let journal = open(folder.path());
        journal.channel().publish(&open_event(number));
        texts.push(journal.public_key().to_text());
        let secret = folder.path().join("keys/journal.key");
        assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(data_dir.public_key()).unwrap(), format!("{}\n", journal.public_key().to_text()));
        journal.close().unwrap();
        // A public key that went missing is written again.
        fs::remove_file(data_dir.public_key()).unwrap();
    }
    assert!(texts.iter().all(|text| *text == texts[0]));
    for private in ["keys", "intakes", "doorbell", "checkpoints"] {
        assert_eq!(fs::metadata(folder.path().join(private)).unwrap().permissions().mode() & 0o777, 0o700, "{private}");
    }
    assert_eq!(fs::metadata(data_dir.journal()).unwrap().permissions().mode() & 0o777, 0o600);
    // Nothing that was written on the way is left.
    assert_eq!(fs::read_dir(folder.path().join("keys")).unwrap().count(), 1);
}

#[test]
fn a_damaged_key_file_is_named_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.key");
    drop(JournalKey::open_or_create(&path, "name").unwrap());
    let good = fs::read_to_string(&path).unwrap();
    // A bit of the secret flips; the key's own hash tells.
    let flipped = if good.contains('A') { good.replacen('A', "B", 1) } else { good.replacen('b', "c", 1) };
    for bad in ["", "something else", &good[..good.len() / 2], &good.replace("PRIVATE+KEY", "PUBLIC+KEY"), &flipped] {
        fs::write(&path, bad).unwrap();
        assert!(matches!(JournalKey::open_or_create(&path, "name"), Err(NoteError::Key { .. })), "{bad}");
        assert_eq!(fs::read_to_string(&path).unwrap(), *bad);
    }
}
