//! The screen: which rules an event can meet at all, before any of them is asked.
//!
//! ```text
//! rule ─▶ need: texts of which one must stand in a field, in ands and ors ─▶ index: one automaton for each field of a log source
//! event ─▶ each field is read once ─▶ texts that stand in it ─▶ rules whose need holds ─▶ these are asked
//! ```
//!
//! Guarantees: a rule that an event meets is never left out; what is not understood of a rule counts as nothing that must be there.
//! Never: a rule's verdict. That is what the rule itself says when it is asked.

mod bytes;
mod expression;
mod index;
mod need;

pub(super) use index::Screen;
