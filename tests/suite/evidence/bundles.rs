//! Bundles that are in order: they tell what the journal tells, elsewhere.

use agentsh::journal::bundle::{BundleError, Trust, read};
use agentsh::journal::{Journal, JournalConfig, PublicKey};

use super::rig::{SESSION, WAYS, agentsh, bundle_of, interleaved, other_key, path, refused, told, with};
use crate::readers::recorded::{RECORDED, Scribe};

#[test]
fn a_bundle_opened_in_another_data_directory_gives_byte_identical_reports() {
    let folder = tempfile::tempdir().unwrap();
    let (elsewhere, _) = path(folder.path(), "elsewhere");
    let recorded = interleaved();
    let (mine, alpha) = (recorded.data_dir.root(), RECORDED.data_dir.root());
    for (home, session) in [(mine, SESSION), (alpha, "s0alpha1"), (alpha, "s0beta22")] {
        let (_, file) = path(folder.path(), &format!("{session}.bundle"));
        told(home, &["export", "bundle", session, "-o", &file]);
        told(&elsewhere, &["import", "bundle", &file]);
        for way in WAYS {
            let here = told(home, &with(way, &[session]));
            assert!(here.len() > 30, "{way:?}: {here}");
            assert_eq!(told(&elsewhere, &with(way, &[session])), here, "imported: {way:?} {session}");
            assert_eq!(told(&elsewhere, &with(way, &[&session[..4]])), here, "by the start of its name: {way:?} {session}");
            let (_, nowhere) = path(folder.path(), "nowhere");
            let from = told(nowhere.as_ref(), &with(way, &[session, "--from", &file]));
            assert_eq!(from, here, "from the file: {way:?} {session}");
        }
    }
    assert!(!folder.path().join("nowhere").exists(), "a data directory was made although only the file was read");
    let diff = told(&elsewhere, &["replay", "--diff", SESSION, "s0beta22"]);
    assert!(diff.contains("{workspace}/3") && diff.contains(SESSION), "{diff}");
    let why = told(&elsewhere, &["why", "/work/0", "--from", folder.path().join("s0mine11.bundle").to_str().unwrap()]);
    assert!(why.contains("make") && why.contains("did not happen"), "{why}");
}

#[test]
fn what_others_did_meanwhile_is_not_in_the_file_and_is_counted() {
    let recorded = interleaved();
    let bytes = bundle_of(&recorded.data_dir, SESSION);
    let mut kinds = Vec::new();
    let opened = read::<BundleError>(bytes.as_slice(), None, |_, columns, _| {
        assert!(!columns.payload.contains("/other/") && columns.session_id != Some("s0other2"), "{}", columns.payload);
        kinds.push(columns.kind.to_owned());
        Ok(())
    })
    .unwrap();
    // 1 + 40 · 2 + 14 · 2 + 1 of the session, and of the other its beginning and 40 · 2 between.
    assert_eq!((opened.events, opened.between, opened.trust), (110, 81, Trust::FromTheFile));
    assert_eq!(
        (kinds.len(), kinds.first().unwrap().as_str(), kinds.last().unwrap().as_str()),
        (110, "session_created", "session_ended")
    );
    assert_eq!(bytes, bundle_of(&recorded.data_dir, SESSION), "the same session gives the same bytes");
}

#[test]
fn the_policy_that_a_session_ran_under_comes_with_it() {
    let bytes = bundle_of(&RECORDED.data_dir, "s0alpha1");
    let mut policies = 0;
    read::<BundleError>(bytes.as_slice(), None, |seq, columns, _| {
        policies += u64::from(columns.kind == "policy_loaded");
        assert_eq!(columns.kind == "policy_loaded", seq == 2);
        Ok(())
    })
    .unwrap();
    // RECORDED's has no digest, and neither has the session: they are the same policy.
    assert_eq!(policies, u64::from(policies > 0));
    assert_eq!(policies, 1);
}

#[test]
fn the_key_that_is_given_must_be_the_one_that_signed() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = interleaved();
    let bytes = bundle_of(&recorded.data_dir, SESSION);
    let own = std::fs::read_to_string(recorded.data_dir.public_key()).unwrap();
    let opened = read::<BundleError>(bytes.as_slice(), Some(&PublicKey::parse(&own).unwrap()), |_, _, _| Ok(())).unwrap();
    assert_eq!(opened.trust, Trust::Given);
    let other = other_key(folder.path()).public();
    let error = read::<BundleError>(bytes.as_slice(), Some(&other), |_, _, _| Ok(())).unwrap_err();
    assert!(matches!(error, BundleError::OtherKey { .. }), "{error}");

    let (_, file) = path(folder.path(), "session.bundle");
    std::fs::write(&file, &bytes).unwrap();
    let (elsewhere, _) = path(folder.path(), "elsewhere");
    let other = other.to_text();
    for ask in [&["import", "bundle", file.as_str()][..], &["report", "--from", file.as_str()]] {
        let said = refused(&elsewhere, &with(ask, &["--key", &other]));
        assert!(said.contains("and not with agentsh.journal/other"), "{said}");
    }
    let said = told(&elsewhere, &["import", "bundle", &file, "--key", own.trim()]);
    assert!(said.contains("verified, with the key that was given"), "{said}");
    // From now on that key alone counts for it.
    let forged = elsewhere.join("bundles").join(format!("{SESSION}.key"));
    std::fs::write(forged, &other).unwrap();
    assert!(refused(&elsewhere, &["report", SESSION]).contains("and not with agentsh.journal/other"));
}

#[test]
fn it_is_imported_once_and_another_one_of_the_same_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (interleaved(), interleaved());
    let (elsewhere, _) = path(folder.path(), "elsewhere");
    for (number, recorded) in [&one, &two].into_iter().enumerate() {
        let file = folder.path().join(number.to_string());
        std::fs::write(file, bundle_of(&recorded.data_dir, SESSION)).unwrap();
    }
    let files = [folder.path().join("0"), folder.path().join("1")];
    let files = files.each_ref().map(|file| file.to_str().unwrap());
    assert!(!told(&elsewhere, &["import", "bundle", files[0]]).contains("already"));
    assert!(told(&elsewhere, &["import", "bundle", files[0]]).contains("was here already"));
    assert!(refused(&elsewhere, &["import", "bundle", files[1]]).contains("it is not this one"));
    let left: Vec<_> = std::fs::read_dir(elsewhere.join("bundles")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [format!("{SESSION}.bundle").as_str()]);
}

#[test]
fn a_session_that_is_not_signed_yet_or_not_there_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), &JournalConfig::default()).unwrap();
    let mut scribe = Scribe::new(&journal);
    scribe.session(Some(SESSION));
    scribe.observe(agentsh::event::SessionCreated::default(), None);
    assert!(journal.flush());
    let (_, file) = path(folder.path(), "out.bundle");
    let said = refused(folder.path(), &["export", "bundle", SESSION, "-o", &file]);
    assert!(said.contains("no checkpoint covers"), "{said}");
    assert!(refused(folder.path(), &["export", "bundle", "s9nobody", "-o", &file]).contains("no session is named"));
    assert!(!folder.path().join("out.bundle").exists() && !folder.path().join("out.bundle.unfinished").exists());
    journal.close().unwrap();
    told(folder.path(), &["export", "bundle", SESSION, "-o", &file]);
    assert!(refused(folder.path(), &["export", "bundle", SESSION, "-o", &file]).contains("is there already"));
}

#[test]
fn a_journal_that_was_changed_is_not_exported() {
    let recorded = interleaved();
    let database = rusqlite::Connection::open(recorded.data_dir.journal()).unwrap();
    database.execute_batch("DROP TRIGGER events_refuse_update; UPDATE events SET rule = 'another' WHERE seq = 12;").unwrap();
    drop(database);
    let (_, file) = path(recorded.data_dir.root(), "out.bundle");
    let said = refused(recorded.data_dir.root(), &["export", "bundle", SESSION, "-o", &file]);
    assert!(said.contains("is not what was signed"), "{said}");
}

#[test]
fn what_an_import_that_was_killed_left_is_not_seen_and_goes_with_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = interleaved();
    let (_, file) = path(folder.path(), "session.bundle");
    let bytes = bundle_of(&recorded.data_dir, SESSION);
    std::fs::write(&file, &bytes).unwrap();
    let (elsewhere, _) = path(folder.path(), "elsewhere");
    std::fs::create_dir_all(elsewhere.join("bundles")).unwrap();
    std::fs::write(elsewhere.join("bundles/.new-0123456789abcdef"), &bytes[..bytes.len() / 2]).unwrap();
    assert!(refused(&elsewhere, &["report", SESSION]).contains("there is no journal"));
    told(&elsewhere, &["import", "bundle", &file]);
    assert_eq!(std::fs::read_dir(elsewhere.join("bundles")).unwrap().count(), 1);
    assert!(agentsh(&elsewhere, &["report", SESSION]).status.success());
}
