//! Reports: what they count, that they are the same each time, that they say what is not in order, and that nothing in them is obeyed.

mod contents;
mod forms;
mod integrity;
mod really;
