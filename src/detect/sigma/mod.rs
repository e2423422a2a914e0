//! Sigma rules: parsed and evaluated by `rsigma`, which is named in this folder only.

mod category;
mod correlate;
mod engine;
mod fields;
mod kept;
mod load;
mod registry;
mod screen;
mod session;
mod view;
mod weight;

pub use category::{Category, Product};
pub use engine::SigmaEngine;
pub use load::{Fault, Limits, Rules, Source};
