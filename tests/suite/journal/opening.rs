//! Opening: what is not a journal of ours is refused and not touched; what is says what it found.

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Barrier;

use agentsh::event::Kind;
use agentsh::journal::{DataDir, Journal, JournalConfig, JournalError, ReaderStore, rebuild, verify};

use super::children::{Process, Role, dead_recorder};
use super::rig::{conserved, copy, entries, gapless, hold, intake_files, of_kind, open, open_with, picture, small, store, whole};
use crate::support::{has_program, is_root, open_event, sqlite3};

/// What every way to open says about a data directory, which must be the same afterwards as before.
fn refused(root: &Path) -> Vec<JournalError> {
    let before = picture(root);
    let data_dir = DataDir::at(root);
    let errors = vec![
        Journal::open(root, &JournalConfig::default()).err().unwrap(),
        ReaderStore::open(&data_dir.journal()).err().unwrap(),
        verify(&data_dir, None, &[], |_, _| {}).err().unwrap(),
        rebuild(&data_dir).err().unwrap(),
    ];
    assert_eq!(picture(root), before, "byte for byte as it was");
    errors
}

#[test]
fn a_file_of_another_program_is_refused_and_not_touched() {
    if !has_program("sqlite3", "foreign files") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    type Make = Box<dyn Fn(&Path)>;
    let cases: Vec<(&str, Make)> = vec![
        ("text", Box::new(|path| fs::write(path, "Dear diary").unwrap())),
        ("long text", Box::new(|path| fs::write(path, "Dear diary. ".repeat(10_000)).unwrap())),
        ("zeros", Box::new(|path| fs::write(path, vec![0; 8192]).unwrap())),
        ("only the magic", Box::new(|path| fs::write(path, b"SQLite format 3\0").unwrap())),
        ("another database", Box::new(|path| drop(sqlite3(path, "CREATE TABLE t(x); INSERT INTO t VALUES (1)")))),
        (
            "another database with a log",
            Box::new(|path| {
                // Copied while it is open, so that the log is there.
                let made = path.with_extension("made");
                let connection = rusqlite::Connection::open(&made).unwrap();
                connection
                    .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE events(x); INSERT INTO events VALUES (1)")
                    .unwrap();
                for suffix in ["", "-wal"] {
                    let from = format!("{}{suffix}", made.display());
                    copy(Path::new(&from), Path::new(&format!("{}{suffix}", path.display())));
                }
            }),
        ),
        ("a folder", Box::new(|path| fs::create_dir(path).unwrap())),
        ("a pipe", Box::new(|path| nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap())),
    ];
    for (what, make) in cases {
        let root = scratch.path().join(what);
        fs::create_dir(&root).unwrap();
        make(&root.join("journal.db"));
        for error in refused(&root) {
            assert!(matches!(error, JournalError::Foreign { .. }), "{what}: {error}");
            assert!(error.to_string().contains("journal.db is not a journal of agentsh; it was not touched"), "{error}");
        }
    }
}

#[test]
fn a_journal_of_a_newer_version_is_refused_and_not_touched() {
    if !has_program("sqlite3", "a newer version") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data");
    let journal = open(&root);
    journal.channel().publish(&open_event(1));
    journal.close().unwrap();
    sqlite3(&root.join("journal.db"), "PRAGMA user_version = 99; PRAGMA journal_mode = DELETE");
    for error in refused(&root) {
        assert!(matches!(error, JournalError::Newer { found: 99, known: 3, .. }), "{error}");
        assert!(error.to_string().contains("written by a newer agentsh (journal version 99, this one reads up to 3)"), "{error}");
    }
}

#[test]
fn a_newer_version_that_stands_in_the_log_only_is_refused_too() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data");
    open(&root).close().unwrap();
    let connection = rusqlite::Connection::open(root.join("journal.db")).unwrap();
    connection.execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA user_version = 99").unwrap();
    // As a crash of the newer version would leave it.
    let crashed = folder.path().join("crashed");
    copy(&root, &crashed);
    let before = fs::read(crashed.join("journal.db-wal")).unwrap().len();
    assert!(before > 0);
    let refused = Journal::open(&crashed, &JournalConfig::default()).err().unwrap();
    assert!(matches!(refused, JournalError::Newer { found: 99, .. }), "{refused}");
    let refused = ReaderStore::open(&crashed.join("journal.db")).err().unwrap();
    assert!(matches!(refused, JournalError::Newer { found: 99, .. }), "{refused}");
    drop(connection);
}

#[test]
fn where_there_is_no_journal_readers_say_so_and_make_none() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = DataDir::at(folder.path().join("none"));
    for error in [
        ReaderStore::open(&data_dir.journal()).err().unwrap(),
        verify(&data_dir, None, &[], |_, _| {}).err().unwrap(),
        rebuild(&data_dir).err().unwrap(),
    ] {
        assert!(matches!(error, JournalError::Missing { .. }), "{error}");
        assert!(error.to_string().contains("none: record something first, e.g. `agentsh run -- ls`"), "{error}");
    }
    assert!(!data_dir.root().exists());
    // An empty file is what a recorder leaves that was killed before it had made its tables.
    fs::create_dir(data_dir.root()).unwrap();
    File::create(data_dir.journal()).unwrap();
    assert!(matches!(ReaderStore::open(&data_dir.journal()), Err(JournalError::Missing { .. })));
    open(data_dir.root()).close().unwrap();
    whole(data_dir.root());
}

#[test]
fn a_journal_that_may_not_be_read_is_named_with_the_reason() {
    if !is_root("a journal that may not be read") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    open(folder.path()).close().unwrap();
    // In a thread with another file system identity; the rest of the process stays root.
    let path = DataDir::at(folder.path()).journal();
    let said = std::thread::spawn(move || {
        nix::unistd::setfsuid(nix::unistd::Uid::from_raw(65_534));
        nix::unistd::setfsgid(nix::unistd::Gid::from_raw(65_534));
        fs::metadata(&path).unwrap();
        ReaderStore::open(&path).err().unwrap()
    });
    let error = said.join().unwrap();
    assert!(error.to_string().contains("journal.db: Permission denied"), "{error}");
    assert!(matches!(error, JournalError::Io { .. }), "{error}");
}

#[test]
fn a_read_only_medium_is_refused_for_recording_and_fine_for_reading() {
    if !is_root("a read-only medium") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data");
    let journal = open(&root);
    for number in 0..10 {
        journal.channel().publish(&open_event(number));
    }
    journal.close().unwrap();
    let medium = ReadOnly::mount(&root);
    let error = Journal::open(&root, &JournalConfig::default()).err().unwrap();
    assert!(matches!(error, JournalError::Io { .. } | JournalError::Store { .. }), "{error}");
    assert_eq!(whole(&root), 12);
    assert_eq!(store(&root).intakes().unwrap().len(), 1);
    drop(medium);
    open(&root).close().unwrap();
    whole(&root);
}

/// A folder that is mounted over itself, read-only.
struct ReadOnly(PathBuf);

impl ReadOnly {
    fn mount(path: &Path) -> Self {
        use nix::mount::{MsFlags, mount};
        mount(Some(path), path, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
        let mounted = Self(path.to_owned());
        mount(None::<&str>, path, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY, None::<&str>)
            .unwrap();
        mounted
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        nix::mount::umount2(&self.0, nix::mount::MntFlags::MNT_DETACH).unwrap();
    }
}

#[test]
fn after_a_crash_journal_opened_says_what_was_found() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data");
    let first = open(&root);
    assert!(first.found().created);
    first.channel().publish(&open_event(1));
    first.close().unwrap();
    // The database is held, so that the events stay in the intake.
    let journal = open_with(&root, &small());
    assert!(!journal.found().created && !journal.found().checkpoint_missing);
    let holder = hold(&root);
    for number in 0..10 {
        journal.channel().publish(&open_event(number));
    }
    let end = journal.channel().intake().end();
    journal.channel().publish(&open_event(10));
    let crashed = folder.path().join("crashed");
    copy(&root, &crashed);
    drop(holder);
    journal.close().unwrap();
    // The last record was being copied when the recorder died.
    let intake = intake_files(&crashed).pop().unwrap();
    let mut bytes = fs::read(&intake).unwrap();
    let torn = usize::try_from(4096 + end).unwrap() + 40;
    bytes[torn..].fill(0);
    fs::write(&intake, bytes).unwrap();

    let journal = open_with(&crashed, &small());
    let found = journal.found().clone();
    journal.close().unwrap();
    assert_eq!((found.events_before, found.events_recovered, found.intakes_drained), (4, 10, 1));
    assert!(found.torn_bytes > 0 && found.torn_bytes < 2_000 && !found.created);
    assert!(found.checkpoint_missing, "the crashed recorder's opening is not covered");
    let recorded = of_kind(&crashed, Kind::JournalOpened);
    assert_eq!(recorded.last().unwrap(), &found.into());
    assert_eq!(super::rig::declared(&crashed), [("buffer".to_owned(), 1)].into(), "it was counted before its bytes were lost");
    conserved(&crashed);
    gapless(&crashed);
    whole(&crashed);
}

#[test]
fn a_checkpoint_that_a_dead_recorder_did_not_make_is_missed_and_made_good() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("data");
    dead_recorder(&root, 200);
    dead_recorder(&root, 200);
    let journal = open_with(&root, &small());
    assert!(journal.found().checkpoint_missing);
    journal.close().unwrap();
    let journal = open_with(&root, &small());
    assert!(!journal.found().checkpoint_missing);
    assert_eq!(journal.found().events_recovered, 0);
    journal.close().unwrap();
    whole(&root);
}

#[test]
fn ten_openers_at_once_make_one_journal() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("deep/er/data");
    let barrier = Barrier::new(10);
    std::thread::scope(|scope| {
        for number in 0..10 {
            let (root, barrier) = (&root, &barrier);
            scope.spawn(move || {
                barrier.wait();
                let journal = open_with(root, &small());
                journal.channel().publish(&open_event(number));
                journal.close().unwrap();
            });
        }
    });
    let opened = of_kind(&root, Kind::JournalOpened);
    let made =
        opened.iter().filter(|payload| matches!(payload, agentsh::event::Payload::JournalOpened(opened) if opened.created));
    assert_eq!((opened.len(), made.count()), (10, 1));
    gapless(&root);
    conserved(&root);
    whole(&root);
}

#[test]
fn ten_recorders_at_once_of_which_three_are_killed() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("data");
    let recorders: Vec<_> = (0..10)
        .map(|number| {
            let answers = scratch.path().join(format!("{number}.answers"));
            let stop = scratch.path().join(format!("{number}.stop"));
            let role =
                Role::Record { root: root.clone(), answers: answers.clone(), stop: stop.clone(), threads: 1, seed: number };
            (Process::start(&role), answers, stop)
        })
        .collect();
    for (_, answers, _) in &recorders {
        super::children::Answer::wait(answers, 20);
    }
    let mut killed = Vec::new();
    let mut answered = Vec::new();
    for (number, (process, answers, stop)) in recorders.into_iter().enumerate() {
        if number % 3 == 0 && number < 9 {
            process.kill();
            killed.push(answers);
        } else {
            fs::write(&stop, b"").unwrap();
            process.finish();
            answered.extend(super::children::Answer::read(&answers));
        }
    }
    open_with(&root, &small()).close().unwrap();
    let ids: std::collections::HashSet<_> = entries(&root).into_iter().map(|entry| entry.id).collect();
    assert!(answered.iter().all(|answer| ids.contains(&answer.id)), "of those who ended well nothing is missing");
    for answers in killed {
        assert!(super::children::Answer::read(&answers).iter().all(|answer| answer.buffered || ids.contains(&answer.id)));
    }
    let intakes = conserved(&root);
    assert_eq!(intakes.iter().filter(|intake| intake.state == "recovered").count(), 3);
    assert!(intake_files(&root).is_empty());
    gapless(&root);
    whole(&root);
}

#[test]
fn data_directories_may_have_any_name() {
    let scratch = tempfile::tempdir().unwrap();
    let names: [&[u8]; 5] = [
        "with spaces and 'quotes'".as_bytes(),
        "f\u{fc}nf \u{1f980}".as_bytes(),
        b"percent %41?immutable=0#x",
        b"not utf-8 \xff\xfe",
        b"-dash",
    ];
    for name in names {
        let root = scratch.path().join(std::ffi::OsStr::from_bytes(name));
        for number in 0..2 {
            let journal = open(&root);
            journal.channel().publish(&open_event(number));
            journal.close().unwrap();
        }
        assert_eq!(whole(&root), 6, "{}", root.display());
    }
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), names.len());
    // A relative one too: the recorder keeps it when the working directory changes, and a name that is a link leads to the same.
    let target = scratch.path().join("-dash");
    let link = scratch.path().join("link");
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let journal = open(&link);
    assert_eq!(journal.data_dir().root(), fs::canonicalize(&target).unwrap());
    journal.close().unwrap();
}

#[test]
fn files_that_do_not_belong_into_the_data_directory_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).close().unwrap();
    let intakes = DataDir::at(folder.path()).intakes();
    let strange = ["note.txt", "0123.intake", "fedcba9876543210fedcba9876543210.intake"];
    for name in strange {
        fs::write(intakes.join(name), "not an intake").unwrap();
    }
    fs::create_dir(intakes.join("folder.intake")).unwrap();
    // A half-made intake of a recorder that was killed while it made it is none of them.
    fs::write(intakes.join("00112233445566778899aabbccddeeff.new"), vec![0; 10_000]).unwrap();
    let journal = open(folder.path());
    assert_eq!(journal.found().intakes_drained, 0);
    journal.close().unwrap();
    assert_eq!(fs::read_dir(&intakes).unwrap().count(), strange.len() + 1);
    for name in strange {
        assert_eq!(fs::read(intakes.join(name)).unwrap(), b"not an intake");
    }
    whole(folder.path());
}
