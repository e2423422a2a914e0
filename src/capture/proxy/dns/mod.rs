//! Names: which servers are asked, in which order, and what an answer is as an event.

mod files;
mod resolver;
mod servers;
mod translate;

pub(super) use resolver::{Resolver, Unresolved};
