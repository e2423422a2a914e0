//! Files and directories: numbers on the wire.

use super::super::form::{messages, words};
use crate::event::*;

words! {
    FileAccess { Read = Read, Write = Write, ReadWrite = ReadWrite }
    FileType { Regular = Regular, Directory = Directory, Symlink = Symlink, Fifo = Fifo, Socket = Socket, CharDevice = CharDevice, BlockDevice = BlockDevice }
    IoCounting { Summary = Summary, EveryOp = EveryOp, Passthrough = Passthrough }
    XattrOperation { Set = Set, Remove = Remove, Get = Get, List = List }
}

messages! {
    FileOpen { path: OsText = 1, access: FileAccess = 2, flags: u32 = 3, rights: Option<String> = 4 }
    FileCreate { path: OsText = 1, file_type: FileType = 2, mode: u32 = 3, access: Option<FileAccess> = 4, flags: u32 = 5, created_us: Option<i64> = 6, stream: Option<String> = 7, hashes: Vec<String> = 8, contents: Option<String> = 9 }
    FileRead { path: OsText = 1, offset: u64 = 2, requested: u64 = 3, size: Option<u64> = 4 }
    FileWrite { path: OsText = 1, offset: u64 = 2, requested: u64 = 3, size: Option<u64> = 4 }
    FileClose { path: OsText = 1, counting: IoCounting = 2, reads: u64 = 3, bytes_read: u64 = 4, writes: u64 = 5, bytes_written: u64 = 6, size_before: Option<u64> = 7, size_after: Option<u64> = 8, blake3: Option<String> = 9 }
    FileDelete { path: OsText = 1, hashes: Vec<String> = 2, executable: Option<bool> = 3, archived: Option<bool> = 4 }
    FileRename { path: OsText = 1, to: OsText = 2, flags: u32 = 3 }
    FileLink { path: OsText = 1, to: OsText = 2 }
    FileSymlink { path: OsText = 1, target: OsText = 2 }
    FileTruncate { path: OsText = 1, size: u64 = 2 }
    FileChmod { path: OsText = 1, mode: u32 = 2 }
    FileChown { path: OsText = 1, uid: Option<u32> = 2, gid: Option<u32> = 3 }
    FileUtimens { path: OsText = 1, atime_ns: Option<i64> = 2, mtime_ns: Option<i64> = 3 }
    FileXattr { path: OsText = 1, operation: XattrOperation = 2, name: OsText = 3, size: Option<u64> = 4 }
    DirCreate { path: OsText = 1, mode: u32 = 2 }
    DirDelete { path: OsText = 1 }
    DirList { path: OsText = 1 }
}
