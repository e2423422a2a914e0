//! Programs that people run, and many processes at once, in the mount.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use agentsh::capture::fuse::{FileIo, FuseConfig};
use agentsh::event::{EventId, IoCounting, Payload};

use super::record::Recorded;
use super::rig::{Rig, Wish, rig, rig_with};
use super::xattrs;

/// Runs a program in the mount; `None` where the machine does not have it.
fn run(rig: &Rig, program: &str, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Option<Output> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(&rig.root).env("HOME", &rig.root).env("GIT_CONFIG_NOSYSTEM", "1");
    for (name, value) in [("GIT_AUTHOR", "A"), ("GIT_COMMITTER", "C")] {
        command.env(format!("{name}_NAME"), value).env(format!("{name}_EMAIL"), "person@example.test");
    }
    match command.output() {
        Ok(output) => {
            assert!(output.status.success(), "{command:?}: {output:?}");
            Some(output)
        }
        Err(error) => {
            eprintln!("skipped: {program} cannot be run: {error}");
            None
        }
    }
}

#[test]
fn git_makes_commits_branches_and_packs_that_it_finds_sound() {
    let Some(rig) = rig() else { return };
    let git = |arguments: &str| run(&rig, "git", arguments.split(' '));
    if git("init -q -b main .").is_none() {
        return rig.end();
    }
    for round in 0..3 {
        for number in 0..20 {
            fs::create_dir_all(rig.at(&format!("d{}", number % 4))).unwrap();
            fs::write(rig.at(&format!("d{}/f{number}", number % 4)), format!("{round} {number}\n").repeat(number + 1)).unwrap();
        }
        git("add .");
        git(&format!("commit -q -m round{round}"));
    }
    git("checkout -q -b other HEAD~1");
    fs::write(rig.at("d0/new"), "x").unwrap();
    git("add .");
    git("commit -q -m other");
    git("rebase -q main");
    git("gc -q");
    git("fsck --full --strict");
    assert_eq!(git("status --porcelain").unwrap().stdout, b"");
    rig.record.take_settled();
    rig.end();
}

/// What tar must bring back.
fn inventory(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(path) = waiting.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let content = match metadata.file_type() {
            kind if kind.is_dir() => {
                waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                String::new()
            }
            kind if kind.is_symlink() => fs::read_link(&path).unwrap().display().to_string(),
            _ => blake3::hash(&fs::read(&path).unwrap()).to_hex().to_string(),
        };
        let shown = format!(
            "{:o} {}:{} {}.{} {} {:?} {content}",
            metadata.mode(),
            metadata.uid(),
            metadata.gid(),
            metadata.mtime(),
            metadata.mtime_nsec(),
            metadata.nlink(),
            xattrs::list(&path, 1_000).map(|(_, names)| names).unwrap_or_default(),
        );
        found.insert(path.strip_prefix(root).unwrap().to_owned(), shown);
    }
    found
}

#[test]
fn tar_brings_a_tree_back_as_it_was() {
    let Some(rig) = rig() else { return };
    let tree = rig.at("tree");
    for directory in ["a/b/c", "d"] {
        fs::create_dir_all(tree.join(directory)).unwrap();
    }
    for (number, name) in ["a/1", "a/b/2", "a/b/c/3", "d/4"].into_iter().enumerate() {
        fs::write(tree.join(name), vec![b'x'; number * 50_000]).unwrap();
        let mode = [0o644, 0o4755, 0o600, 0o2711][number];
        fs::set_permissions(tree.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(tree.join("a/1"), Some(33), Some(44)).unwrap();
    }
    symlink("../nowhere", tree.join("d/link")).unwrap();
    fs::hard_link(tree.join("a/1"), tree.join("d/again")).unwrap();
    xattrs::set(&tree.join("a/1"), "user.note", b"kept", 0).unwrap();
    fs::set_permissions(tree.join("d"), fs::Permissions::from_mode(0o750)).unwrap();
    if run(&rig, "tar", ["--xattrs", "-cf", "tree.tar", "--format=posix", "tree"]).is_none() {
        return rig.end();
    }
    fs::create_dir(rig.at("back")).unwrap();
    run(&rig, "tar", ["--xattrs", "-xpf", "tree.tar", "-C", "back"]);
    let (before, after) = (inventory(&rig.behind("tree")), inventory(&rig.behind("back/tree")));
    assert_eq!(before, after);
    assert_eq!(inventory(&tree), before, "the mount shows what is behind it");
    rig.record.take_settled();
    rig.end();
}

#[test]
fn sqlite_keeps_a_database_whole_with_a_write_ahead_log_and_two_writers() {
    for file_io in [FileIo::Summary, FileIo::EveryOp] {
        let config = FuseConfig { file_io, ..FuseConfig::default() };
        let Some(rig) = rig_with(Wish { config, ..Wish::default() }, |_| None) else { return };
        let database = rig.at("test.db");
        let sql = |text: &str| {
            run(&rig, "sqlite3", [OsStr::new("-cmd"), OsStr::new(".timeout 20000"), database.as_os_str(), OsStr::new(text)])
        };
        let Some(mode) = sql("PRAGMA journal_mode=wal; CREATE TABLE t(writer, n);") else { return rig.end() };
        assert_eq!(mode.stdout, b"wal\n");
        std::thread::scope(|scope| {
            for writer in 0..2 {
                let insert: String = (0..15).map(|n| format!("INSERT INTO t VALUES({writer}, {n});")).collect();
                scope.spawn(move || sql(&insert));
            }
        });
        let result = sql("PRAGMA integrity_check; SELECT count(*), count(DISTINCT n), sum(n) FROM t;").unwrap();
        assert_eq!(String::from_utf8(result.stdout).unwrap(), "ok\n30|15|210\n");
        sums_agree(&rig.record.take_settled());
        rig.end();
    }
}

/// Where each read and write is on record, what a close sums up is what they add up to.
fn sums_agree(events: &[Recorded]) {
    let mut sums: HashMap<EventId, (u64, u64)> = HashMap::new();
    for event in events {
        let sum = sums.entry(event.cause.unwrap_or(event.id)).or_default();
        match &event.payload {
            Payload::FileRead(read) => sum.0 += read.size.unwrap_or(0),
            Payload::FileWrite(write) => sum.1 += write.size.unwrap_or(0),
            Payload::FileClose(close) if close.counting == IoCounting::EveryOp => {
                assert_eq!((close.bytes_read, close.bytes_written), *sum, "{close:?}");
            }
            _ => {}
        }
    }
}

#[test]
fn processes_that_create_rename_and_delete_in_one_directory_end_as_they_do_elsewhere() {
    let Some(rig) = rig() else { return };
    let native = rig.directory.path().join("native");
    for directory in [rig.at("busy"), native.clone()] {
        fs::create_dir(directory).unwrap();
    }
    // Each process works on names of its own and on one that all of them fight for.
    let script = "
        cd \"$1\" || exit 1
        i=0
        while [ $i -lt 60 ]; do
            echo \"$2 $i\" > \"$2.$i\" || exit 2
            mv \"$2.$i\" \"$2-$i\" || exit 3
            echo \"$2\" > \"common.$2\" && mv -f \"common.$2\" common || exit 4
            cat common > /dev/null || exit 5
            [ $((i % 3)) -eq 0 ] && { rm \"$2-$i\" || exit 6; }
            mkdir \"dir$2\" && rmdir \"dir$2\" || exit 7
            ls > /dev/null || exit 8
            i=$((i + 1))
        done";
    for directory in [&native, &rig.at("busy")] {
        let start = |worker: i32| {
            Command::new("/bin/sh").args(["-c", script, "sh"]).arg(directory).arg(worker.to_string()).spawn().unwrap()
        };
        let mut children: Vec<_> = (0..4).map(start).collect();
        for child in &mut children {
            let status = child.wait().unwrap();
            assert!(status.success(), "{status} in {}", directory.display());
        }
    }
    let names = |directory: &Path| -> BTreeMap<_, _> {
        let read = |entry: fs::DirEntry| (entry.file_name(), fs::read(entry.path()).unwrap());
        let mut names: BTreeMap<_, _> = fs::read_dir(directory).unwrap().map(|entry| read(entry.unwrap())).collect();
        // Whose common file is the last is a matter of chance.
        names.insert("common".into(), names[OsStr::new("common")][1..].to_vec());
        names
    };
    assert_eq!(names(&rig.behind("busy")), names(&native));
    assert_eq!(names(&rig.at("busy")), names(&native));
    let events = rig.record.take_settled();
    let count = |wanted: fn(&Payload) -> bool| events.iter().filter(|event| wanted(&event.payload)).count();
    assert_eq!(count(|payload| matches!(payload, Payload::FileRename(_))), 4 * 60 * 2);
    assert_eq!(count(|payload| matches!(payload, Payload::FileDelete(_))), 4 * 20);
    assert_eq!(count(|payload| matches!(payload, Payload::DirCreate(_))), 1 + 4 * 60);
    assert_eq!(count(|payload| matches!(payload, Payload::DirDelete(_))), 4 * 60);
    rig.end();
}
