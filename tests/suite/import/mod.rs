//! Evidence of other systems: what each record becomes, damage, repetition, and SigmaHQ's event logs.

mod auditd;
mod conformance;
mod damage;
mod eslogger;
mod journaled;
mod jsonl;
mod progress;
pub mod rig;
mod windows;
