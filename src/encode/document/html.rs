//! A document as one HTML file: no script, no request, light and dark, printable.

use std::fmt::Write as _;

use super::{Block, Document, Table};
use crate::event::printable;

/// What it looks like.
const STYLE: &str = include_str!("style.css");

/// The document as HTML.
#[must_use]
pub fn html(document: &Document) -> String {
    let title = escaped(&document.title);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
    );
    out.push_str("<nav aria-label=\"Sections\"><ul>\n");
    for (at, section) in document.sections.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "<li><a href=\"#s{at}\">{}</a></li>", escaped(&section.heading));
    }
    out.push_str("</ul></nav>\n");
    for (at, section) in document.sections.iter().enumerate() {
        let _ = writeln!(out, "<section aria-labelledby=\"s{at}\">\n<h2 id=\"s{at}\">{}</h2>", escaped(&section.heading));
        for block in &section.blocks {
            match block {
                Block::Line(line) => {
                    let _ = writeln!(out, "<p>{}</p>", escaped(line));
                }
                Block::Alert(line) => {
                    let _ = writeln!(out, "<p class=\"alert\"><strong>{}</strong></p>", escaped(line));
                }
                Block::Facts(facts) => {
                    out.push_str("<dl>\n");
                    for (name, value) in facts {
                        let _ = writeln!(out, "<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(value));
                    }
                    out.push_str("</dl>\n");
                }
                Block::Table(table) => write_table(table, &section.heading, &mut out),
            }
        }
        out.push_str("</section>\n");
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn write_table(table: &Table, heading: &str, out: &mut String) {
    let class = |number: bool| if number { " class=\"n\"" } else { "" };
    // Reachable by keyboard, since it may be wider than the page.
    let _ = writeln!(
        out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\">\n<table>\n<thead><tr>",
        escaped(heading)
    );
    for column in &table.columns {
        let _ = writeln!(out, "<th scope=\"col\"{}>{}</th>", class(column.number), escaped(column.name));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        out.push_str("<tr>");
        for (cell, column) in row.iter().zip(&table.columns) {
            let _ = write!(out, "<td{}>{}</td>", class(column.number), escaped(cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
    if let Some(rest) = table.rest() {
        let _ = writeln!(out, "<p class=\"rest\">{}</p>", escaped(&rest));
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for ch in printable(text).chars() {
        match ch {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            ch => out.push(ch),
        }
    }
    out
}
