//! Unix sockets and named pipes.

use super::{payload, words};
use crate::event::OsText;

words! {
    /// The name space of a unix socket's address (`unix(7)`).
    pub enum SocketNamespace {
        /// A path in the file system.
        #[default]
        Path => "path",
        /// Linux's abstract names; the leading zero byte is left out.
        Abstract => "abstract",
        /// No name.
        Unnamed => "unnamed",
    }

    /// The type of a unix socket.
    pub enum SocketType {
        /// `SOCK_STREAM`.
        #[default]
        Stream => "stream",
        /// `SOCK_DGRAM`.
        Datagram => "datagram",
        /// `SOCK_SEQPACKET`.
        SeqPacket => "seqpacket",
    }
}

payload! {
    /// A unix socket connects.
    pub struct UnixSocketConnect {
        /// The address.
        pub address: OsText,
        /// The address's name space.
        pub namespace: SocketNamespace,
        /// The socket's type.
        pub socket_type: Option<SocketType>,
    }

    /// A unix socket takes an address.
    pub struct UnixSocketBind {
        /// The address.
        pub address: OsText,
        /// The address's name space.
        pub namespace: SocketNamespace,
        /// The socket's type.
        pub socket_type: Option<SocketType>,
    }

    /// A unix socket waits for connections.
    pub struct UnixSocketListen {
        /// The address.
        pub address: OsText,
        /// The address's name space.
        pub namespace: SocketNamespace,
        /// Connections that may wait.
        pub backlog: i32,
    }

    /// A datagram goes to a unix socket.
    pub struct UnixSocketSendto {
        /// The address.
        pub address: OsText,
        /// The address's name space.
        pub namespace: SocketNamespace,
        /// Bytes of the datagram.
        pub size: Option<u64>,
    }

    /// A named pipe is made.
    pub struct PipeCreate {
        /// The pipe's name or path.
        pub name: OsText,
    }

    /// A named pipe is opened.
    pub struct PipeConnect {
        /// The pipe's name or path.
        pub name: OsText,
    }
}
