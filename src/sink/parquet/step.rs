//! The steps that change a lake, named so that a test can stop between any two.

/// What was just done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The folder of a date exists.
    Folder,
    /// A file's content is in its temporary place.
    Written,
    /// That content is on the disk.
    Synced,
    /// The file has its name.
    Renamed,
    /// The range that is about to be sent to a bucket is on this machine's disk.
    Planned,
    /// One part of an object is in the bucket, where nobody sees it yet.
    Part,
    /// The name is on the disk (or the object is in the bucket): the range is sealed.
    Sealed,
    /// One of the files that a larger one covers is gone.
    Removed,
}

/// Told of each step. Nothing of the product listens.
pub(super) type Steps = Box<dyn FnMut(Step) + Send>;
