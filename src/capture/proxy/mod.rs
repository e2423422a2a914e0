//! The HTTP proxy of a session.
