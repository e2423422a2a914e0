//! Syslog (RFC 5424) over TCP or TLS.
