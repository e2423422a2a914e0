//! Tests: tell: what a session did, net of its steps. Folds over written events, and commands that really ran.

mod changes;
mod recorded;
mod tree;
mod why;
