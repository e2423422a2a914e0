//! The journal's promises held against what breaks them: killed recorders, and changes made with stock `sqlite3`.

mod crash;
mod tamper;
