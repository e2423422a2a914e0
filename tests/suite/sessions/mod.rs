//! Sessions on the server, and commands in them over gRPC and HTTP.
