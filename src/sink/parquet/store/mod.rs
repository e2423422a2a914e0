//! Where a lake is: a folder or a bucket, with the same few operations.

mod local;
mod s3;
mod select;

pub(super) use select::Store;
