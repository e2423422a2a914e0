//! Labels whose values are the recorder's own words: requests of the kernel to the workspace, steps of the proxy.

use super::instruments::Label;

macro_rules! words {
    ($($(#[$meta:meta])* pub enum $name:ident { $($variant:ident => $word:literal,)* })*) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub enum $name {
                $(#[doc = concat!("`", $word, "`.")] $variant,)*
            }

            impl Label for $name {
                const VALUES: &'static [Self] = &[$($name::$variant,)*];

                fn place(self) -> usize {
                    self as usize
                }

                fn text(self) -> &'static str {
                    match self { $($name::$variant => $word,)* }
                }
            }
        )*
    };
}

words! {
    /// A request of the kernel to the workspace, by its name in the FUSE protocol.
    pub enum FuseRequest {
        Lookup => "lookup",
        Forget => "forget",
        Getattr => "getattr",
        Setattr => "setattr",
        Readlink => "readlink",
        Mknod => "mknod",
        Mkdir => "mkdir",
        Unlink => "unlink",
        Rmdir => "rmdir",
        Symlink => "symlink",
        Rename => "rename",
        Link => "link",
        Open => "open",
        Create => "create",
        Read => "read",
        Write => "write",
        Flush => "flush",
        Release => "release",
        Fsync => "fsync",
        Opendir => "opendir",
        Readdir => "readdir",
        Readdirplus => "readdirplus",
        Releasedir => "releasedir",
        Fsyncdir => "fsyncdir",
        Statfs => "statfs",
        Setxattr => "setxattr",
        Getxattr => "getxattr",
        Listxattr => "listxattr",
        Removexattr => "removexattr",
        Fallocate => "fallocate",
        Lseek => "lseek",
        CopyFileRange => "copy_file_range",
    }

    /// A step of the proxy's work for a client.
    pub enum ProxyStep {
        Dns => "dns",
        Connect => "connect",
        FirstByte => "first_byte",
        Exchange => "exchange",
    }
}
