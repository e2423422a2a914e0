//! Unix sockets and named pipes: numbers on the wire.

use super::super::form::{messages, words};
use crate::event::*;

words! {
    SocketNamespace { Path = Path, Abstract = Abstract, Unnamed = Unnamed }
    SocketType { Stream = Stream, Datagram = Datagram, SeqPacket = Seqpacket }
}

messages! {
    UnixSocketConnect { address: OsText = 1, namespace: SocketNamespace = 2, socket_type: Option<SocketType> = 3 }
    UnixSocketBind { address: OsText = 1, namespace: SocketNamespace = 2, socket_type: Option<SocketType> = 3 }
    UnixSocketListen { address: OsText = 1, namespace: SocketNamespace = 2, backlog: i32 = 3 }
    UnixSocketSendto { address: OsText = 1, namespace: SocketNamespace = 2, size: Option<u64> = 3 }
    PipeCreate { name: OsText = 1 }
    PipeConnect { name: OsText = 1 }
}
