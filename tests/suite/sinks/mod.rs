//! The deliver loop and the simple places: JSON Lines, webhook, syslog, NATS.
