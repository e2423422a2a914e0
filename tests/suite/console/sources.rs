//! Rules for the console's sources, each with a counter-example that it must reject.

use std::collections::BTreeSet;
use std::path::Path;

use agentsh::serve::http::console::FILES;

/// What would run a text as a program, or let one become part of a page.
const FORBIDDEN: &[&str] = &[
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "eval(",
    "new Function",
    "srcdoc",
    "importScripts",
    "javascript:",
    "createContextualFragment",
    "DOMParser",
];

/// A name and no address: what elements of an image are called by.
const NAMESPACE: &str = "http://www.w3.org/2000/svg";

fn faults(name: &str, text: &str, known: &BTreeSet<&str>) -> Vec<String> {
    let mut faults: Vec<String> =
        FORBIDDEN.iter().filter(|word| text.contains(**word)).map(|word| format!("{name}: {word}")).collect();
    let without = text.replace(NAMESPACE, "");
    if without.contains("http://") || without.contains("https://") || without.contains("\"//") || without.contains("'//") {
        faults.push(format!("{name}: names another host"));
    }
    let mut refer = |reference: &str| {
        if !known.contains(reference) {
            faults.push(format!("{name}: there is no {reference}"));
        }
    };
    let pieces = |mark: &'static str, end: char| text.split(mark).skip(1).map(move |rest| rest.split(end).next().unwrap());
    pieces("from './", '\'').for_each(&mut refer);
    pieces("\"/assets/", '"').for_each(&mut refer);
    if name.ends_with(".html") {
        let lower = text.to_lowercase();
        let inline = lower.contains("<style") || lower.contains(" style=") || lower.contains("<script>");
        let handler = lower.split(" on").skip(1).any(|rest| {
            let word: String = rest.chars().take_while(char::is_ascii_alphabetic).collect();
            !word.is_empty() && rest[word.len()..].starts_with('=')
        });
        let filled = lower
            .split("<script")
            .skip(1)
            .any(|rest| rest.split_once('>').is_some_and(|(_, behind)| !behind.trim_start().starts_with("</script>")));
        if inline || handler || filled {
            faults.push(format!("{name}: has an inline script or style"));
        }
    }
    faults
}

#[test]
fn the_sources_name_only_what_there_is_no_other_host_and_nothing_inline() {
    let known: BTreeSet<&str> = FILES.iter().map(|file| file.name).collect();
    for file in FILES {
        let text = std::str::from_utf8(file.bytes).unwrap();
        assert_eq!(faults(file.name, text, &known), Vec::<String>::new());
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/console");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(known.contains(name.as_str()), "{name} is not part of the program");
    }
}

#[test]
fn a_source_that_breaks_a_rule_is_found() {
    let known = BTreeSet::from(["dom.js"]);
    for (name, text) in [
        ("a.js", "place.innerHTML = name"),
        ("a.js", "fetch('https://example.test/x')"),
        ("a.js", "fetch('//example.test/x')"),
        ("a.js", "import { h } from './none.js'"),
        ("a.html", "<script>go()</script>"),
        ("a.html", "<script type=\"module\">go()</script>"),
        ("a.html", "<p style=\"color: red\">"),
        ("a.html", "<img src=\"x\" onerror=\"go()\">"),
        ("a.html", "<script src=\"/assets/none.js\"></script>"),
    ] {
        assert_ne!(faults(name, text, &known), Vec::<String>::new(), "{text}");
    }
    assert_eq!(faults("a.js", "import { h } from './dom.js'", &known), Vec::<String>::new());
}
