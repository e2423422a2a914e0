//! Detections: the rules of the program.

mod pack;
