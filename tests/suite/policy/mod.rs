//! Tests: what a policy promises, family by family.

mod check;
mod commands;
mod default_policy;
mod errors;
mod evaluation;
mod examples;
mod files;
mod network;
mod precedence;
mod properties;
mod registry;
mod variables;
