//! Redaction: takes secrets out of arguments, URLs and headers before an event is made (G-7).
