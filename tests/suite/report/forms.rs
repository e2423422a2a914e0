//! The forms: the same bytes each time, and nothing that is recorded is obeyed in any of them.

use agentsh::encode::document::{Block, Document, Section, Table, html, markdown, text};
use agentsh::event::printable;
use agentsh::query::report::{document, report, report_schema};

use crate::golden;
use crate::readers::recorded::RECORDED;

/// What an attacker would name a file.
const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "</title><img src=x onerror=alert(1)>",
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "a\u{202e}gpj.exe",
    "zero\u{200b}width\u{feff}",
    "line\nbreak\r\n# heading",
    "| cell | **bold** [link](javascript:alert(1)) `code`",
    "http://evil.test/ www.evil.test mail@evil.test",
    "- item",
    "&lt;b&gt; \" ' \\",
    "\u{85}\u{2028}\u{2029}",
];

fn hostile() -> Document {
    let mut table = Table::new(&["name", "#times"]);
    table.rows = HOSTILE.iter().map(|name| vec![(*name).to_owned(), "1".to_owned()]).collect();
    table.all = 99;
    let blocks = HOSTILE
        .iter()
        .flat_map(|name| {
            [
                Block::Line((*name).to_owned()),
                Block::Alert((*name).to_owned()),
                Block::Facts(vec![((*name).to_owned(), (*name).to_owned())]),
            ]
        })
        .chain([Block::Table(table)])
        .collect();
    Document { title: HOSTILE.concat(), sections: vec![Section { heading: HOSTILE.concat(), blocks }] }
}

fn commands(ch: char) -> bool {
    ch != '\n' && printable(&ch.to_string()) != ch.to_string()
}

#[test]
fn no_form_holds_a_character_that_a_terminal_obeys() {
    for (form, written) in [("text", text(&hostile())), ("markdown", markdown(&hostile())), ("html", html(&hostile()))] {
        let found: Vec<char> = written.chars().filter(|ch| commands(*ch)).collect();
        assert!(found.is_empty(), "{form}: {found:?}");
        assert!(written.contains("\\x1b[2J") || written.contains("\\\\x1b\\[2J"), "{form}: it is shown");
    }
}

#[test]
fn html_has_the_names_as_text_and_nothing_that_runs_or_is_fetched() {
    let written = html(&hostile());
    assert!(written.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    for forbidden in ["<script", "<img", "<link", "<iframe", "<object", "@import", "url("] {
        assert!(!written.contains(forbidden), "{forbidden}");
    }
    // Every tag is one of those that the form writes.
    let known = [
        "!DOCTYPE", "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "nav", "ul", "li", "a", "section", "p",
        "strong", "dl", "dt", "dd", "div", "table", "thead", "tbody", "tr", "th", "td",
    ];
    for tag in written.split('<').skip(1) {
        let name: String = tag.trim_start_matches('/').chars().take_while(|ch| ch.is_alphanumeric() || *ch == '!').collect();
        assert!(known.contains(&name.as_str()), "<{name}");
    }
    assert!(written.contains("default-src 'none'"));
}

#[test]
fn markdown_has_no_construct_that_was_recorded() {
    let written = markdown(&hostile());
    assert!(
        !written.contains("<script") && !written.contains("](") && !written.contains("**bold**") && !written.contains("http://")
    );
    let rows: Vec<&str> = written.lines().filter(|line| line.starts_with("| ")).collect();
    assert_eq!(rows.len(), HOSTILE.len() + 2);
    for row in rows {
        let bars = row.match_indices('|').filter(|(at, _)| *at == 0 || row.as_bytes()[at - 1] != b'\\').count();
        assert_eq!(bars, 3, "{row}");
    }
    assert_eq!(written.lines().filter(|line| line.starts_with('#')).count(), 2);
}

#[test]
fn text_has_one_line_for_a_line_and_one_for_a_row() {
    let written = text(&hostile());
    // Title, rule, blank, heading, rule; three for each name, the table's head, its rows, and what is not shown.
    assert_eq!(written.lines().count(), 5 + HOSTILE.len() * 3 + 1 + HOSTILE.len() + 1, "{written}");
    assert!(written.ends_with("and 88 more\n"));
}

#[test]
fn g6_a_report_is_the_same_bytes_each_time() {
    let once = || {
        let made = report(&RECORDED.data_dir, "s0alpha1", true, |_, _| {}).unwrap();
        let document = document(&made, &|id| Some(format!("name of {id}")), &|tactic| Some(tactic.to_uppercase()));
        (serde_json::to_string(&made).unwrap(), text(&document), markdown(&document), html(&document))
    };
    let first = once();
    for _again in 0..3 {
        assert_eq!(once(), first);
    }
    assert!(first.1.contains("all 35 are in this report (seq 3 to 37)"), "{}", first.1);
}

#[test]
fn the_json_form_is_what_its_schema_says_and_the_schema_is_current() {
    golden::assert_current("schemas/report.schema.json", &report_schema());
    let schema: serde_json::Value = serde_json::from_str(&report_schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for session in ["s0alpha1", "s0beta22"] {
        let made = serde_json::to_value(report(&RECORDED.data_dir, session, true, |_, _| {}).unwrap()).unwrap();
        let errors: Vec<String> = validator.iter_errors(&made).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{session}");
        let mut other = made.clone();
        other["events"] = "many".into();
        assert!(!validator.is_valid(&other), "the schema takes anything");
    }
}
