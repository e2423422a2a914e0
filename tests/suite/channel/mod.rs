//! The channel: the intake's file and its recovery, the overload rules, what is counted.

mod intake;
mod overload;
