//! The journal: order, durability, recovery, evidence.

pub mod children;
mod conservation;
mod encoding;
mod evidence;
mod following;
mod full_disk;
mod keeping;
mod killing;
mod leaf;
mod model;
mod notes;
mod opening;
mod order;
pub mod rig;
mod summaries;
mod tree;
mod views;
