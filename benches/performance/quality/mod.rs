//! How well the program's own rules recognise the Linux tests of Atomic Red Team, and how quiet they are on ordinary work.
//!
//! A test that needs neither root nor other programs is really run, each in a sandbox of its own that is thrown away (`sandbox.rs`);
//! `excluded.tsv` names those that are not, and why. All others are told as the processes that they would start (`told.rs`).

mod atomic;
mod benign;
mod run;
mod sandbox;
mod score;
mod told;

pub use run::{Seen, beneath, own, run, shared};
