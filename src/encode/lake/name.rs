//! Names of files: `date=<day>/seq=<first>-<last>.parquet`, padded so that they sort as their ranges do.

use std::fmt;

use crate::encode::lake::Date;

/// The name of a file, which is what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName {
    /// `seq` of the first event.
    pub first: u64,
    /// `seq` of the last event.
    pub last: u64,
    /// The day (UTC) of the first event's time.
    pub date: Date,
}

impl FileName {
    /// Reads a path relative to the lake; `None` when it is not the name of a file of ours, in exactly the form that is written.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let (folder, file) = path.split_once('/')?;
        let date = Date::parse(folder.strip_prefix("date=")?)?;
        let (first, last) = file.strip_prefix("seq=")?.strip_suffix(".parquet")?.split_once('-')?;
        let name = Self { first: first.parse().ok()?, last: last.parse().ok()?, date };
        (name.first >= 1 && name.first <= name.last && name.to_string() == path).then_some(name)
    }

    /// The folder of its date.
    #[must_use]
    pub fn folder(&self) -> String {
        format!("date={}", self.date)
    }

    /// Its place while it is written, within the folder.
    #[must_use]
    pub fn temporary(&self) -> String {
        format!(".seq={:020}.tmp", self.first)
    }

    /// Events that it holds.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.last - self.first + 1
    }

    /// Whether all events of another file are in this one, and it is another.
    #[must_use]
    pub const fn covers(&self, other: &Self) -> bool {
        self.first <= other.first && other.last <= self.last && self.events() > other.events()
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "date={}/seq={:020}-{:020}.parquet", self.date, self.first, self.last)
    }
}

/// Whether a file name is that of an unfinished file.
#[must_use]
pub fn is_leftover(file: &str) -> bool {
    file.starts_with(".seq=") && file.ends_with(".tmp")
}

/// A file that is in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its name.
    pub name: FileName,
    /// Its size.
    pub bytes: u64,
}

/// Of a listing, the files that count: in order, those left out whose events another has (what was put together is removed a moment later).
#[must_use]
pub fn without_covered(mut files: Vec<Sealed>) -> Vec<Sealed> {
    files.sort_by_key(|file| (file.name.first, std::cmp::Reverse(file.name.last)));
    let mut kept: Vec<Sealed> = Vec::new();
    for file in files {
        if kept.last().is_none_or(|last| last.name.last < file.name.first) {
            kept.push(file);
        }
    }
    kept
}
