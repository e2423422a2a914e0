//! The rules of `schemas/rules/`: each loads, and each has a case of events that were really recorded (`cases/<rule file>.jsonl`). A case is
//! what `agentsh events --format jsonl` prints: the rule must recognise its last event, and none before it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use agentsh::app::detect::{Engine as _, Fired, SigmaEngine, TrialError, trial};
use agentsh::detect::BUILT_IN;
use agentsh::detect::sigma::{Limits, Rules, Source};
use serde::Deserialize;

use crate::golden::assert_current;

fn engine(file: &str, text: &str) -> SigmaEngine {
    let source = Source { file: file.to_owned(), text: text.to_owned() };
    SigmaEngine::new(Rules::read(&[source], Limits::default()))
}

fn case_of(file: &str) -> PathBuf {
    let stem = file.strip_suffix(".yml").unwrap_or(file);
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/detect/cases").join(format!("{stem}.jsonl"))
}

/// Says what is wrong with a case: the rule must fire on the last line, and on no other.
fn check(file: &str, text: &str, case: &str) -> Result<(), String> {
    let mut engine = engine(file, text);
    if let Some(fault) = engine.faults().first() {
        return Err(format!("{fault}"));
    }
    let lines = case.lines().count();
    if lines < 2 {
        return Err(format!("{file}: a case has an event that the rule must not recognise, and one that it must"));
    }
    let mut fired = Vec::new();
    trial::<TrialError>(&mut engine, case.as_bytes(), |Fired { line, .. }| {
        fired.push(line);
        Ok(())
    })
    .map_err(|error| format!("{file}: {error}"))?;
    if fired == [lines] { Ok(()) } else { Err(format!("{file}: fires on the lines {fired:?}, and must on {lines} alone")) }
}

#[test]
fn every_rule_recognises_what_was_recorded_for_it_and_not_what_is_like_it() {
    let mut wrong = Vec::new();
    for (file, text) in BUILT_IN {
        match std::fs::read_to_string(case_of(file)) {
            Ok(case) => wrong.extend(check(file, text, &case).err()),
            Err(error) => wrong.push(format!("{file}: it has no case: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{} rules:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_case_whose_last_event_is_not_recognised_is_refused_and_so_is_one_that_fires_before() {
    let file = "linux_process_account_id.yml";
    let (_, text) = BUILT_IN.iter().find(|(name, _)| *name == file).unwrap();
    let case = std::fs::read_to_string(case_of(file)).unwrap();
    let mut lines: Vec<&str> = case.lines().collect();
    check(file, text, &case).unwrap();
    lines.reverse();
    assert!(check(file, text, &lines.join("\n")).is_err(), "what must be recognised comes first");
    assert!(check(file, text, lines[0]).is_err(), "nothing that must not be recognised");
    assert!(check(file, "title: no rule", &case).is_err(), "no rule at all");
}

#[test]
fn every_case_belongs_to_a_rule() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/detect/cases");
    for case in std::fs::read_dir(folder).unwrap() {
        let path = case.unwrap().path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(
            BUILT_IN.iter().any(|(file, _)| file.strip_suffix(".yml") == Some(stem.as_str())),
            "{stem}: there is no such rule"
        );
    }
}

#[test]
fn all_rules_load_together_each_with_its_own_id_and_a_technique() {
    let sources: Vec<Source> =
        BUILT_IN.iter().map(|(file, text)| Source { file: (*file).to_owned(), text: (*text).to_owned() }).collect();
    let engine = SigmaEngine::new(Rules::read(&sources, Limits::default()));
    let faults: Vec<String> = engine.faults().iter().map(ToString::to_string).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let mut ids = BTreeMap::new();
    for rule in engine.rules() {
        assert!(ids.insert(rule.id.clone(), rule.title.clone()).is_none(), "{}: its id is that of another", rule.title);
        // A rule that is counted by a correlation is no detection by itself.
        assert!(
            rule.techniques.len() <= 2 && (!rule.techniques.is_empty() || rule.title.ends_with("(One Event)")),
            "{}",
            rule.title
        );
        assert!(rule.fed, "{}: no event reaches it", rule.title);
    }
}

#[derive(Deserialize)]
struct Told {
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    level: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    falsepositives: Vec<String>,
    logsource: Option<LogSource>,
}

#[derive(Deserialize)]
struct LogSource {
    category: String,
}

#[test]
fn docs_rules_md_tells_every_rule() {
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (file, text) in BUILT_IN {
        let first = text.split("\n---\n").next().unwrap_or_default();
        let told: Told = serde_saphyr::from_str(first).unwrap_or_else(|error| panic!("{file}: {error}"));
        let techniques: Vec<String> = told
            .tags
            .iter()
            .filter_map(|tag| tag.strip_prefix("attack."))
            .filter(|tag| tag.starts_with('t') && tag[1..].starts_with(|c: char| c.is_ascii_digit()))
            .map(str::to_uppercase)
            .collect();
        let row = format!(
            "| {} | {} | {} | {} | {} |",
            told.title,
            told.level,
            techniques.join(", "),
            told.description.trim().replace('|', "\\|").replace('\n', " "),
            told.falsepositives.join("; ").replace('|', "\\|")
        );
        tables.entry(told.logsource.map_or_else(|| "correlation".to_owned(), |source| source.category)).or_default().push(row);
    }
    let mut page = format!(
        "# The rules of agentsh\n\n{} rules in [Sigma](https://sigmahq.io)'s format, part of the program (`detect.built_in`), tagged with ATT&CK v19. Written \
         anew by `UPDATE_GOLDEN=1 cargo test --test suite detect::`.\n\n\
         - `informational` and `low`: what people and scripts do every day and attackers too; useful together with something else.\n\
         - `medium`: rare in ordinary work. `high` and `critical`: no ordinary work of a developer does it; look at it now.\n\
         - A command is recognised as a program of its own and within the text of a shell (`sh -c '…'`).\n\
         - Each rule has a case in `tests/suite/detect/cases/`: events that were really recorded, of which it must recognise the last one only. \
         `agentsh detect test FILE.jsonl` runs one.\n\
         - How well they do is measured by `make bench-detections`, see [performance](performance.md).\n",
        BUILT_IN.len()
    );
    for (category, rows) in tables {
        page += &format!(
            "\n## {category}\n\n| rule | level | ATT&CK | looks for | false positives |\n|---|---|---|---|---|\n{}\n",
            rows.join("\n")
        );
    }
    assert_current("docs/rules.md", &page);
}
