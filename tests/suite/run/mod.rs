//! `agentsh run` as a user meets it: the program itself, real commands, the journal that is left.

mod awkward;
mod many;
mod ordinary;
mod secrets;
pub(crate) mod support;
mod without;
