//! SHAPES: pure functions from an event to each stored or sent form.
