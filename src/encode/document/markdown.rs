//! A document as GitHub's Markdown.

use std::fmt::Write as _;

use super::{Block, Document, Table};
use crate::event::printable;

/// The document as Markdown.
#[must_use]
pub fn markdown(document: &Document) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "# {}", escaped(&document.title));
    for section in &document.sections {
        let _ = writeln!(out, "\n## {}", escaped(&section.heading));
        for block in &section.blocks {
            match block {
                Block::Line(line) => {
                    let _ = writeln!(out, "\n{}", escaped(line));
                }
                Block::Alert(line) => {
                    let _ = writeln!(out, "\n> **{}**", escaped(line));
                }
                Block::Facts(facts) => {
                    out.push('\n');
                    for (name, value) in facts {
                        let _ = writeln!(out, "- **{}:** {}", escaped(name), escaped(value));
                    }
                }
                Block::Table(table) => write_table(table, &mut out),
            }
        }
    }
    out
}

fn write_table(table: &Table, out: &mut String) {
    let names: Vec<String> = table.columns.iter().map(|column| escaped(column.name)).collect();
    let rules: Vec<&str> = table.columns.iter().map(|column| if column.number { "--:" } else { "---" }).collect();
    let _ = writeln!(out, "\n| {} |\n| {} |", names.join(" | "), rules.join(" | "));
    for row in &table.rows {
        let cells: Vec<String> = row.iter().map(|cell| escaped(cell)).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    if let Some(rest) = table.rest() {
        let _ = writeln!(out, "\n{rest}");
    }
}

/// The text with a backslash before each character of ASCII that may begin a construct (CommonMark 0.31 §2.4), `&` and `<` as entities, so that no
/// HTML begins in a renderer that lets HTML through.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for ch in printable(text).chars() {
        match ch {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '!' | '|' | '>' | '~' | '@' | '$' => {
                out.push('\\');
                out.push(ch);
            }
            // What is linked by itself in GitHub's Markdown begins with these.
            ':' => out.push_str("&#58;"),
            ch => out.push(ch),
        }
    }
    // A line that begins so would be a list or a rule.
    match out.strip_prefix(['-', '+', '=']) {
        Some(rest) => format!("\\{}{rest}", out.chars().next().unwrap_or_default()),
        None => out,
    }
}
