//! ATT&CK Enterprise v19: techniques, tactics and platforms, and the ids that v19 retired. The tables stand in `schemas/attack/`.

mod navigator;
mod table;
mod tags;
mod unknown;

pub use navigator::{LayerTechnique, layer};
pub use table::{Attack, Technique, VERSION, attack, tactic_title};
pub use tags::{BadTag, Tagged, tagged};
pub use unknown::UnknownTechnique;
