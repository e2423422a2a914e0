//! Metrics: declared once, with unit and help.
