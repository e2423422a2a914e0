//! Subscribe: positions, filters, consumers, slow readers.

mod consumers;
mod expressions;
mod filters;
mod holes;
mod live;
mod pages;
mod positions;
mod rig;
mod slow;
