//! A document of headings, facts, tables and lines, and its forms: text, Markdown and HTML.
//!
//! Guarantee: what is recorded is shown and never obeyed: characters that a terminal, Markdown or HTML would act on are written so that they
//! stand there. The same document gives the same bytes anywhere. Never: a width, a locale, a clock.

mod html;
mod markdown;
mod shape;
mod text;

pub use html::html;
pub use markdown::markdown;
pub use shape::{Block, Document, Heading, Section, Table};
pub use text::text;
