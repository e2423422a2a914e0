//! Bundles: read into a database, and kept in the data directory under the names of their sessions.

use std::fs::{self, DirBuilder, File};
use std::io::{BufReader, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::error::EvidenceError;
use super::place::make_place;
use crate::journal::bundle::{BundleError, Opened, read};
use crate::journal::{CheckpointRow, CopyStore, DataDir, PublicKey};
use crate::runtime::ids;

/// How the names of bundles end.
const EXTENSION: &str = "bundle";

/// How the names of the keys end that were given when they were imported.
const KEY_EXTENSION: &str = "key";

/// What the names of those begin with that are not verified yet.
const UNNAMED: &str = ".new-";

/// Reading at once.
const BUFFER: usize = 1 << 18;

/// A bundle that was imported.
#[derive(Debug)]
pub(super) struct Found {
    /// The file.
    pub(super) path: PathBuf,
    /// The key that was given when it was imported.
    pub(super) key: Option<PublicKey>,
}

/// What was imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// What the bundle was found to be.
    pub opened: Opened,
    /// Where it is now.
    pub path: PathBuf,
    /// Whether it was there before.
    pub known: bool,
}

fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> EvidenceError {
    let path = path.to_owned();
    move |source| EvidenceError::Io { what, path, source }
}

/// Reads a bundle, with all its proofs, into a database in `folder`. Nothing of it is there if it is not accepted.
pub(super) fn copy(path: &Path, key: Option<&PublicKey>, folder: &Path) -> Result<(DataDir, Opened), EvidenceError> {
    let of = |source| EvidenceError::Bundle { path: path.to_owned(), source };
    let file = File::open(path).map_err(io("cannot read", path))?;
    let data_dir = DataDir::create(folder)?;
    let mut store = CopyStore::create(&data_dir)?;
    let opened = read::<BundleError>(BufReader::with_capacity(BUFFER, file), key, |seq, columns, leaf| {
        Ok(store.append(seq, columns, leaf)?)
    })
    .map_err(of)?;
    let checkpoint = CheckpointRow {
        tree_size: opened.checkpoint.tree_size,
        root: opened.checkpoint.root.to_vec(),
        time_us: opened.signed_us,
        note: opened.note.clone(),
    };
    store.finish(&[checkpoint])?;
    let public = data_dir.public_key();
    fs::write(&public, opened.key.to_text() + "\n").map_err(io("cannot write", &public))?;
    Ok((data_dir, opened))
}

fn folder_of(data_dir: &DataDir) -> PathBuf {
    data_dir.root().join("bundles")
}

/// The imported bundle whose session `name` stands for: its whole name, or the start of it if no other starts so.
pub(super) fn find(data_dir: &DataDir, name: &str) -> Result<Option<Found>, EvidenceError> {
    let folder = folder_of(data_dir);
    let Ok(entries) = fs::read_dir(&folder) else { return Ok(None) };
    let mut matching: Vec<PathBuf> = Vec::new();
    for entry in entries {
        let path = entry.map_err(io("cannot read", &folder))?.path();
        let is_bundle = path.extension().is_some_and(|extension| extension == EXTENSION);
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if is_bundle && stem == name {
            matching = vec![path];
            break;
        }
        if is_bundle && stem.starts_with(name) {
            matching.push(path);
        }
    }
    let [path] = matching.as_slice() else { return Ok(None) };
    let given = path.with_extension(KEY_EXTENSION);
    let key = match fs::read_to_string(&given) {
        Ok(text) => {
            let parsed = PublicKey::parse(&text);
            let wrong = |source| BundleError::Signature { part: "the key that it was imported with", source };
            Some(parsed.map_err(|error| EvidenceError::Bundle { path: given.clone(), source: wrong(error) })?)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(io("cannot read", &given)(error)),
    };
    Ok(Some(Found { path: path.clone(), key }))
}

/// Reads a bundle with all its proofs, and keeps it in the data directory, so that commands find it by the name of its session.
///
/// # Errors
/// [`EvidenceError`]; the data directory is as it was then.
pub fn import_bundle(path: &Path, key: Option<&PublicKey>, data_dir: &DataDir) -> Result<Imported, EvidenceError> {
    let trial = make_place()?;
    // What is verified is the copy that is kept, whatever becomes of the file meanwhile.
    let data_dir = DataDir::create(data_dir.root())?;
    let folder = folder_of(&data_dir);
    DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(io("cannot make", &folder))?;
    remove_leftovers(&folder);
    let name: String = ids::random::<8>().iter().map(|byte| format!("{byte:02x}")).collect();
    let unnamed = folder.join(format!("{UNNAMED}{name}"));
    let kept = keep(path, key, &unnamed, &folder, trial.path());
    if kept.is_err() {
        let _not_there = fs::remove_file(&unnamed);
    }
    kept
}

fn keep(path: &Path, key: Option<&PublicKey>, unnamed: &Path, folder: &Path, trial: &Path) -> Result<Imported, EvidenceError> {
    let from = File::open(path).map_err(io("cannot read", path))?;
    let mut to = File::create_new(unnamed).map_err(io("cannot write", unnamed))?;
    // As long as it is locked nobody takes it for what a killed import has left.
    to.try_lock().map_err(|error| io("cannot lock", unnamed)(error.into()))?;
    std::io::copy(&mut BufReader::new(from), &mut to).map_err(io("cannot copy", path))?;
    to.sync_all().map_err(io("cannot write", unnamed))?;
    let (_, opened) = copy(unnamed, key, trial).map_err(|error| match error {
        EvidenceError::Bundle { source, .. } => EvidenceError::Bundle { path: path.to_owned(), source },
        other => other,
    })?;
    // It becomes a file's name: a session's own has no slash, and one with it is none of ours.
    if opened.session.contains('/') || opened.session.starts_with('.') || opened.session.len() > 200 {
        let source = BundleError::Malformed { part: "the header".to_owned(), what: "the session's name is no name".to_owned() };
        return Err(EvidenceError::Bundle { path: path.to_owned(), source });
    }
    let place = folder.join(format!("{}.{EXTENSION}", opened.session));
    let known = place.exists();
    if known {
        if !same(&place, unnamed)? {
            return Err(EvidenceError::Exists { session: opened.session, path: place });
        }
        fs::remove_file(unnamed).map_err(io("cannot remove", unnamed))?;
    }
    if let Some(key) = key {
        let given = place.with_extension(KEY_EXTENSION);
        fs::write(&given, key.to_text() + "\n").map_err(io("cannot write", &given))?;
    }
    if !known {
        fs::rename(unnamed, &place).map_err(io("cannot rename", unnamed))?;
    }
    Ok(Imported { opened, path: place, known })
}

/// What imports that were killed have left.
fn remove_leftovers(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_unnamed = entry.file_name().to_str().is_some_and(|name| name.starts_with(UNNAMED));
        if is_unnamed && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            let _left = fs::remove_file(entry.path());
        }
    }
}

fn same(one: &Path, other: &Path) -> Result<bool, EvidenceError> {
    let open = |path: &Path| File::open(path).map(BufReader::new).map_err(io("cannot read", path));
    let (mut left, mut right) = (open(one)?.bytes(), open(other)?.bytes());
    loop {
        match (left.next().transpose(), right.next().transpose()) {
            (Ok(None), Ok(None)) => return Ok(true),
            (Ok(left), Ok(right)) if left == right => {}
            (Ok(_), Ok(_)) => return Ok(false),
            (Err(error), _) => return Err(io("cannot read", one)(error)),
            (_, Err(error)) => return Err(io("cannot read", other)(error)),
        }
    }
}
