//! Reading a file in memory, and importing one into a journal with the real program.

use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use agentsh::capture::import::{Content, Digest, ImportError, Input, Reader, Told, Unread, open};
use agentsh::event::{ImportSource, Kind};
use agentsh::journal::{DataDir, ReaderStore, StoreError};

/// What the records of a file are, in their order.
#[derive(Debug)]
pub enum Read {
    Told(Vec<Told>),
    Unmapped(String),
    Unread(Unread),
}

pub fn reader(source: ImportSource, bytes: Vec<u8>) -> Result<Box<dyn Reader>, ImportError> {
    let input = Input::of(Path::new("test"), Box::new(Cursor::new(bytes)), Digest::Of("0".repeat(64)))?;
    open(source, input)
}

/// All records, with their numbers checked: they grow.
pub fn read(source: ImportSource, bytes: impl Into<Vec<u8>>) -> Result<Vec<Read>, ImportError> {
    let mut reader = reader(source, bytes.into())?;
    let (mut all, mut last) = (Vec::new(), 0);
    while let Some(record) = reader.next()? {
        assert!(record.number > last, "{} comes behind {last}", record.number);
        last = record.number;
        all.push(match record.content {
            Content::Told(told) => Read::Told(told),
            Content::Unmapped(name) => Read::Unmapped(name.into_owned()),
            Content::Unread(unread) => Read::Unread(unread),
        });
    }
    Ok(all)
}

/// The one thing that a file with one record tells of.
pub fn one(source: ImportSource, text: &str) -> Told {
    let all = read(source, text).unwrap();
    match all.into_iter().next() {
        Some(Read::Told(told)) => told.into_iter().next().unwrap(),
        other => panic!("{other:?} of {text}"),
    }
}

pub fn kinds(all: &[Read]) -> Vec<Kind> {
    let told = all.iter().filter_map(|read| if let Read::Told(told) = read { Some(told) } else { None });
    told.flatten().map(|told| told.payload.kind()).collect()
}

pub fn unread(all: &[Read]) -> Vec<&Unread> {
    all.iter().filter_map(|read| if let Read::Unread(unread) = read { Some(unread) } else { None }).collect()
}

/// The data beside the project: `shared/data` in a folder above.
pub fn shared(path: &str, test: &str) -> Option<PathBuf> {
    let path = Path::new("shared/data").join(path);
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join(&path)).find(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: {test}: {} is not there", path.display());
    }
    found
}

/// SigmaHQ's event logs, in their order.
pub fn regression(test: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                walk(&entry, found);
            } else if entry.extension().is_some_and(|extension| extension == "evtx") {
                found.push(entry);
            }
        }
    }
    let mut found = Vec::new();
    if let Some(folder) = shared("sigma/regression", test) {
        walk(&folder, &mut found);
    }
    found.sort();
    found
}

pub fn command(root: &Path, source: &str, files: &[&Path]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agentsh"));
    command.arg("--data-dir").arg(root).args(["import", source]).args(files).arg("--json");
    command.env("HOME", root.parent().unwrap()).env_remove("AGENTSH_CONFIG").stdin(Stdio::null());
    command
}

pub fn import(root: &Path, source: &str, files: &[&Path]) -> Output {
    command(root, source, files).output().unwrap()
}

pub fn import_stream(root: &Path, source: &str, bytes: &[u8]) -> Output {
    let mut child = command(root, source, &[Path::new("-")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    child.wait_with_output().unwrap()
}

/// The report of the first file.
pub fn report(output: &Output) -> serde_json::Value {
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {} {}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    });
    report["files"][0].clone()
}

/// `(kind, stored payload)` of the events that were imported or derive from those, in their order.
pub fn imported(root: &Path) -> Vec<(String, serde_json::Value)> {
    let store = ReaderStore::open(&DataDir::at(root).journal()).unwrap();
    let mut events = Vec::new();
    store
        .rows::<StoreError>(0, &[], None, |row| {
            let payload: serde_json::Value = serde_json::from_str(row.columns.payload).unwrap();
            if payload.get("imported").is_some() {
                events.push((row.columns.kind.to_owned(), payload));
            }
            Ok(std::ops::ControlFlow::Continue(()))
        })
        .unwrap();
    events
}

/// The ids of the imported events, in their order.
pub fn imported_ids(root: &Path) -> Vec<Vec<u8>> {
    let store = ReaderStore::open(&DataDir::at(root).journal()).unwrap();
    let mut ids = Vec::new();
    store
        .rows::<StoreError>(0, &[], None, |row| {
            if row.columns.payload.contains("\"imported\":{") {
                ids.push(row.columns.id.to_vec());
            }
            Ok(std::ops::ControlFlow::Continue(()))
        })
        .unwrap();
    ids
}
