//! The shape of the Open Cybersecurity Schema Framework.
