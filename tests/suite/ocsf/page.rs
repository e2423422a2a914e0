//! docs/ocsf.md has the table that the code has.

use std::fmt::Write as _;

use agentsh::encode::ocsf::{Class, Mapping, activities, class};
use agentsh::event::Kind;

use crate::golden;

const START: &str = "<!-- table: made from src/encode/ocsf/activity.rs; UPDATE_GOLDEN=1 cargo test ocsf:: -->\n";
const END: &str = "<!-- end of table -->\n";

fn table() -> String {
    let mut table = String::from("| kind | class | `class_uid` | activities |\n|---|---|---|---|\n");
    for kind in Kind::ALL {
        let (name, uid, words) = match class(*kind) {
            Mapping::OfOperation => ("of its operation", "…".to_owned(), "that of its operation".to_owned()),
            Mapping::To(class) => {
                let words = activities(*kind).iter().map(|id| format!("{id} {}", class.activity_name(*id)));
                (class.name(), class.uid().to_string(), words.collect::<Vec<_>>().join(", "))
            }
        };
        let _ = writeln!(table, "| `{}` | {name} | {uid} | {words} |", kind.as_str());
    }
    table
}

/// The page with the table in its place.
fn with_table(page: &str) -> Option<String> {
    let (head, rest) = page.split_once(START)?;
    let (_old, tail) = rest.split_once(END)?;
    Some(format!("{head}{START}{}{END}{tail}", table()))
}

#[test]
fn docs_ocsf_md_shows_the_class_of_every_kind() {
    let page = golden::read("docs/ocsf.md").unwrap();
    golden::assert_current("docs/ocsf.md", &with_table(&page).expect("the page has a place for the table"));
}

#[test]
fn a_page_without_a_kind_is_not_current() {
    let page = golden::read("docs/ocsf.md").unwrap();
    let without: String =
        page.lines().filter(|line| !line.starts_with("| `dns_query`")).map(|line| format!("{line}\n")).collect();
    assert_ne!(without, page);
    assert_ne!(with_table(&without).unwrap(), without);
    assert_eq!(with_table("no place"), None);
}

#[test]
fn every_class_has_a_caption_for_every_activity_of_its_kinds() {
    for kind in Kind::ALL {
        let Mapping::To(class) = class(*kind) else { continue };
        for activity in activities(*kind) {
            assert_eq!(class.activity_name(*activity) == "Other", *activity == 99, "{kind:?} {activity}");
        }
    }
    assert_eq!(Class::File.activity_name(14), "Open");
    assert_eq!(Class::Dns.activity_name(6), "Traffic");
    assert_eq!(Class::Dns.activity_name(5), "Other");
}
