//! Detections: which rules there are, the reader that asks them about each event of the journal, and what was found.

mod added;
mod asked;
mod backfill;
mod coverage;
mod files;
mod pass;
mod reader;
mod start;
mod trial;

pub use added::{Added, add, remove};
pub use asked::techniques_asked;
pub use backfill::{Backfill, Backfilled, backfill, backfill_opened};
pub use coverage::{Coverage, Covered, CoveredTactic, coverage};
pub use files::{RuleFilesError, engine, engine_of, own_rules, sources};
pub use pass::{CURSOR, DetectStep};
pub use reader::DetectError;
pub use start::{Detector, Patience, Preparing};
pub use trial::{Fired, TrialError, trial};

pub use crate::capture::import::{LineError, read_line};
pub use crate::detect::attack::{VERSION as ATTACK_VERSION, attack, tactic_title};
pub use crate::detect::sigma::{Fault, SigmaEngine};
pub use crate::detect::{DetectConfig, Engine, RuleInfo};
