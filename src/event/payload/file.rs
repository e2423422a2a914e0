//! Files and directories.

use super::{payload, words};
use crate::event::OsText;

words! {
    /// What a handle may do with the content of a file (the access mode of `open(2)`).
    pub enum FileAccess {
        /// `O_RDONLY`.
        #[default]
        Read => "read",
        /// `O_WRONLY`.
        Write => "write",
        /// `O_RDWR`.
        ReadWrite => "read_write",
    }

    /// The type of a file system object (`S_IFMT` of `stat(2)`).
    pub enum FileType {
        /// A regular file.
        #[default]
        Regular => "regular",
        /// A directory.
        Directory => "directory",
        /// A symbolic link.
        Symlink => "symlink",
        /// A named pipe.
        Fifo => "fifo",
        /// A unix socket.
        Socket => "socket",
        /// A character device.
        CharDevice => "char_device",
        /// A block device.
        BlockDevice => "block_device",
    }

    /// What the counts of a `file_close` cover.
    pub enum IoCounting {
        /// Every write, and each read that reached the file system; reads served by the page cache are not counted.
        #[default]
        Summary => "summary",
        /// Every read and write (direct I/O).
        EveryOp => "every_op",
        /// Nothing was counted; the sizes are right.
        Passthrough => "passthrough",
    }

    /// What was done with an extended attribute.
    pub enum XattrOperation {
        /// `setxattr(2)`.
        #[default]
        Set => "set",
        /// `removexattr(2)`.
        Remove => "remove",
        /// `getxattr(2)`.
        Get => "get",
        /// `listxattr(2)`.
        List => "list",
    }
}

payload! {
    /// A file is opened.
    pub struct FileOpen {
        /// The file, as an absolute path that the session sees.
        pub path: OsText,
        /// What the handle may do.
        pub access: FileAccess,
        /// The flags of `open(2)`, as Linux numbers of the machine's architecture.
        pub flags: u32,
        /// The rights asked for, in hex (the access mask of Windows).
        pub rights: Option<String>,
    }

    /// A file is made (and opened, if it is a regular file).
    pub struct FileCreate {
        /// The new file.
        pub path: OsText,
        /// What is made.
        pub file_type: FileType,
        /// Permission bits, after the umask (`0o7777`).
        pub mode: u32,
        /// What the new handle may do; absent where none is opened.
        pub access: Option<FileAccess>,
        /// The flags of `open(2)`, as Linux numbers of the machine's architecture.
        pub flags: u32,
        /// The creation time that the file has, in microseconds since 1970, where the source says it (Sysmon).
        pub created_us: Option<i64>,
        /// The alternate data stream that is made (`Zone.Identifier`); `path` names it too.
        pub stream: Option<String>,
        /// Hashes of the content as `NAME=hex`.
        pub hashes: Vec<String>,
        /// The content, where it is short text and the source has it, redacted.
        pub contents: Option<String>,
    }

    /// One read from a handle (level `every_op`).
    pub struct FileRead {
        /// The file.
        pub path: OsText,
        /// Where in the file, in bytes.
        pub offset: u64,
        /// Bytes asked for.
        pub requested: u64,
        /// Bytes that came; absent when the read failed.
        pub size: Option<u64>,
    }

    /// One write to a handle (level `every_op`).
    pub struct FileWrite {
        /// The file.
        pub path: OsText,
        /// Where in the file, in bytes.
        pub offset: u64,
        /// Bytes handed over.
        pub requested: u64,
        /// Bytes taken; absent when the write failed.
        pub size: Option<u64>,
    }

    /// The last reference to a handle is gone; its cause is the `file_open` or `file_create`.
    pub struct FileClose {
        /// The file, under the name that it has now.
        pub path: OsText,
        /// What the counts cover.
        pub counting: IoCounting,
        /// Reads that reached the file system.
        pub reads: u64,
        /// Bytes of those reads.
        pub bytes_read: u64,
        /// Writes that reached the file system.
        pub writes: u64,
        /// Bytes of those writes.
        pub bytes_written: u64,
        /// Size when the handle was opened, in bytes.
        pub size_before: Option<u64>,
        /// Size when it was closed, in bytes.
        pub size_after: Option<u64>,
        /// BLAKE3 of the content when it was closed, in hex, if configured.
        pub blake3: Option<String>,
    }

    /// A name of a file is removed.
    pub struct FileDelete {
        /// The name.
        pub path: OsText,
        /// Hashes of the content as `NAME=hex`.
        pub hashes: Vec<String>,
        /// Whether it is a program or a library.
        pub executable: Option<bool>,
        /// Whether the source kept a copy (Sysmon).
        pub archived: Option<bool>,
    }

    /// A file or a directory gets another name.
    pub struct FileRename {
        /// The old name.
        pub path: OsText,
        /// The new name.
        pub to: OsText,
        /// The flags of `renameat2(2)`: 1 no replace, 2 exchange, 4 whiteout.
        pub flags: u32,
    }

    /// A file gets a further name.
    pub struct FileLink {
        /// A name that it has.
        pub path: OsText,
        /// The new name.
        pub to: OsText,
    }

    /// A symbolic link is made.
    pub struct FileSymlink {
        /// The link.
        pub path: OsText,
        /// What it points to, as it was written.
        pub target: OsText,
    }

    /// A file gets another size.
    pub struct FileTruncate {
        /// The file.
        pub path: OsText,
        /// The new size in bytes.
        pub size: u64,
    }

    /// Permission bits change.
    pub struct FileChmod {
        /// The file.
        pub path: OsText,
        /// The new permission bits (`0o7777`).
        pub mode: u32,
    }

    /// Owner or group changes.
    pub struct FileChown {
        /// The file.
        pub path: OsText,
        /// The new owner; absent when it stays.
        pub uid: Option<u32>,
        /// The new group; absent when it stays.
        pub gid: Option<u32>,
    }

    /// Access or modification time is set.
    pub struct FileUtimens {
        /// The file.
        pub path: OsText,
        /// The new access time, in nanoseconds since 1970; absent when it stays.
        pub atime_ns: Option<i64>,
        /// The new modification time, in nanoseconds since 1970; absent when it stays.
        pub mtime_ns: Option<i64>,
    }

    /// An extended attribute is set or removed, or read where that is recorded.
    pub struct FileXattr {
        /// The file.
        pub path: OsText,
        /// What is done.
        pub operation: XattrOperation,
        /// The attribute, such as `user.comment`.
        pub name: OsText,
        /// Bytes of the value, where one is given. The value itself is not recorded.
        pub size: Option<u64>,
    }

    /// A directory is made.
    pub struct DirCreate {
        /// The directory.
        pub path: OsText,
        /// Permission bits, after the umask (`0o7777`).
        pub mode: u32,
    }

    /// A directory is removed.
    pub struct DirDelete {
        /// The directory.
        pub path: OsText,
    }

    /// A directory is opened to list it.
    pub struct DirList {
        /// The directory.
        pub path: OsText,
    }
}
