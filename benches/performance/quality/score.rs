//! Recall and precision.

use std::collections::BTreeSet;

use super::Seen;
use super::atomic::Test;

/// Counts over tests.
#[derive(Default)]
struct Count {
    tests: usize,
    exact: usize,
    parent: usize,
    good: usize,
    tags: usize,
}

fn parent(technique: &str) -> &str {
    technique.split('.').next().unwrap_or(technique)
}

fn tags(found: &[Seen]) -> BTreeSet<&str> {
    found.iter().flat_map(|seen| seen.techniques.iter().map(String::as_str)).collect()
}

fn count<'t>(tests: impl Iterator<Item = (&'t Test, &'t Vec<Seen>)>) -> Count {
    let mut count = Count::default();
    for (test, found) in tests {
        let tags = tags(found);
        let good = tags.iter().filter(|tag| parent(tag) == parent(&test.technique)).count();
        count.tests += 1;
        count.exact += usize::from(tags.contains(test.technique.as_str()));
        count.parent += usize::from(good > 0);
        count.good += good;
        count.tags += tags.len();
    }
    count
}

/// The rows of one set of rules.
pub fn table(name: &str, tests: &[Test], found: &[Vec<Seen>]) -> String {
    let all = || tests.iter().zip(found);
    let percent = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
    let mut text = String::new();
    for (which, count) in [
        ("", count(all())),
        (", half that was in sight", count(all().filter(|(test, _)| !test.held_back()))),
        (", half that was held back", count(all().filter(|(test, _)| test.held_back()))),
    ] {
        text += &format!(
            "| {name}{which} | {} | {:.1} % | {:.1} % | {:.1} % |\n",
            count.tests,
            percent(count.exact, count.tests),
            percent(count.parent, count.tests),
            percent(count.good, count.tags)
        );
    }
    text
}

/// Says on standard error which tests were missed, and which rules named other techniques.
pub fn tell(tests: &[Test], found: &[Vec<Seen>]) {
    for (test, found) in tests.iter().zip(found) {
        let tags = tags(found);
        if !tags.contains(test.technique.as_str()) {
            eprintln!("missed: {} {} {:?}", test.technique, test.name, tags);
        }
        for seen in found {
            if seen.techniques.iter().all(|tag| parent(tag) != parent(&test.technique)) {
                eprintln!("beside: {} {} {}", test.technique, seen.techniques.join(" "), seen.title);
            }
        }
    }
}
