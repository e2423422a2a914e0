//! The screen leaves out no rule that an event meets: an engine that screens finds what one finds that asks every rule, on events that were
//! recorded, made from the rules' own words, and made from their regular expressions.

use std::path::Path;

use agentsh::detect::sigma::{Limits, Rules, SigmaEngine, Source};
use agentsh::detect::{BUILT_IN, Engine as _};
use agentsh::event::{
    DnsQuery, FileCreate, FileOpen, HttpRequest, JournaledEvent, NetConnect, OsText, Payload, ProcessExec, RegistrySetValue,
    RegistryValueType,
};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

use super::{journaled, rule};
use crate::journal::children::Numbers;

const SEED: u64 = 20_261_125;

fn rules(sources: &[Source]) -> Rules {
    Rules::read(sources, Limits::default())
}

fn source(text: String) -> Source {
    Source { file: "it.yml".to_owned(), text }
}

/// The program's own rules, and those of SigmaHQ where they are at hand.
fn all_rules() -> Vec<Source> {
    let mut all: Vec<Source> =
        BUILT_IN.iter().map(|(file, text)| Source { file: (*file).to_owned(), text: (*text).to_owned() }).collect();
    let mut folders = vec![Path::new("/work/shared/data/sigma/rules").to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yml") {
                all.push(Source { file: path.display().to_string(), text: std::fs::read_to_string(&path).unwrap() });
            }
        }
    }
    all
}

/// How many findings two engines agree on, or the first event on which they do not.
fn agreed(one: &mut SigmaEngine, other: &mut SigmaEngine, events: &[JournaledEvent]) -> Result<usize, String> {
    let (mut first, mut second, mut all) = (Vec::new(), Vec::new(), 0);
    for event in events {
        one.look(event, &mut first);
        other.look(event, &mut second);
        if first != second {
            let titles = |findings: &[agentsh::detect::Finding], of: &SigmaEngine| -> Vec<String> {
                findings.iter().map(|finding| of.rules()[finding.rule].title.clone()).collect()
            };
            return Err(format!("{:?} and {:?} on {event:?}", titles(&first, one), titles(&second, other)));
        }
        all += first.len();
        first.clear();
        second.clear();
    }
    let states = [one.changed(), other.changed()].map(|states| {
        let read = |state: String| sorted(serde_json::from_str(&state).unwrap());
        states.into_iter().map(|state| (state.session, state.state.map(read))).collect::<Vec<_>>()
    });
    let [first, second] = &states;
    assert_eq!(first, second, "what correlations have counted");
    Ok(all)
}

/// A state without the order of the hash tables that it was written from.
fn sorted(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Array(values) => {
            let mut values: Vec<_> = values.into_iter().map(sorted).collect();
            values.sort_by_key(ToString::to_string);
            values.into()
        }
        serde_json::Value::Object(entries) => {
            let mut entries: Vec<_> = entries.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            serde_json::Value::Object(entries.into_iter().collect())
        }
        other => other,
    }
}

/// Findings of both engines under these rules.
fn same(sources: &[Source], events: &[JournaledEvent]) -> Result<usize, String> {
    agreed(&mut SigmaEngine::new(rules(sources)), &mut SigmaEngine::asking_every_rule(rules(sources)), events)
}

fn run(line: &str) -> Payload {
    ProcessExec {
        path: line.split(' ').next().unwrap_or_default().into(),
        command_line: Some(line.to_owned()),
        ..ProcessExec::default()
    }
    .into()
}

/// Events of many categories about one text.
fn about(seq: u64, text: &str) -> Vec<JournaledEvent> {
    let split = text.len() / 2;
    let (program, rest) = text.split_at((0..=split).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0));
    let payloads: [Payload; 8] = [
        run(text),
        ProcessExec {
            path: program.into(),
            argv: vec![OsText::from(program), OsText::from("-c"), OsText::from(rest)],
            parent_exe: Some(rest.into()),
            ..ProcessExec::default()
        }
        .into(),
        FileCreate { path: text.into(), ..FileCreate::default() }.into(),
        FileOpen { path: text.into(), ..FileOpen::default() }.into(),
        NetConnect { host: Some(text.to_owned()), port: 4444, ..NetConnect::default() }.into(),
        DnsQuery { name: text.to_owned(), record_type: "TXT".to_owned(), ..DnsQuery::default() }.into(),
        HttpRequest { method: "GET".to_owned(), host: program.to_owned(), path: rest.to_owned(), ..HttpRequest::default() }
            .into(),
        RegistrySetValue {
            key: text.to_owned(),
            value_name: rest.to_owned(),
            value_type: RegistryValueType::String,
            data: Some(program.to_owned()),
            ..RegistrySetValue::default()
        }
        .into(),
    ];
    payloads.into_iter().map(|payload| journaled(seq, payload)).collect()
}

/// Values as they stand in the rules, without their quotes.
fn values(sources: &[Source]) -> Vec<String> {
    let lines = sources.iter().flat_map(|source| source.text.lines());
    let values = lines.filter_map(|line| line.split_once("- ").or(line.split_once(": ")).map(|(_, value)| value.trim()));
    values
        .map(|value| value.trim_matches(['\'', '"']).replace("''", "'"))
        .filter(|value| (2..200).contains(&value.len()))
        .collect()
}

/// The regular expressions of the rules.
fn expressions(sources: &[Source]) -> Vec<String> {
    let mut found: Vec<String> = sources
        .iter()
        .flat_map(|source| source.text.lines())
        .filter_map(|line| line.trim().strip_prefix("CommandLine|re: "))
        .map(|value| value.trim_matches('\'').replace("''", "'"))
        .collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn g6_what_was_recorded_gives_the_same_detections_with_the_screen_and_without() {
    let mut events = Vec::new();
    for case in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/detect/cases")).unwrap() {
        let text = std::fs::read_to_string(case.unwrap().path()).unwrap();
        events.extend(text.lines().map(|line| agentsh::app::detect::read_line(line).unwrap()));
    }
    events.sort_by_key(|event| (event.event.time, event.seq));
    let found = same(&all_rules(), &events).unwrap();
    assert!(found >= BUILT_IN.len(), "{found} findings in {} events", events.len());
}

#[test]
fn g6_events_made_of_the_rules_own_words_give_the_same_detections() {
    let sources = all_rules();
    let (values, mut numbers) = (values(&sources), Numbers(SEED));
    let between = [" ", "", "\n", "/", ";", " -c '", "|", "é", "\u{212a}", "ſ", "İ", "–", "\"", "\\"];
    let mut events = Vec::new();
    for seq in 1..=1_500 {
        let mut text =
            String::from(["", "/bin/sh -c ", "/usr/bin/", r"C:\Windows\System32\", "sudo "][numbers.below(5) as usize]);
        for _ in 0..=numbers.below(5) {
            text += &values[numbers.below(values.len() as u64) as usize];
            text += between[numbers.below(between.len() as u64) as usize];
        }
        match numbers.below(6) {
            0 => text = text.to_uppercase(),
            1 => text = text.replace('k', "\u{212a}").replace('s', "ſ"),
            2 => text = text.to_lowercase(),
            _ => {}
        }
        events.extend(about(seq, &text));
    }
    let found = same(&sources, &events).unwrap();
    assert!(found > 2_000, "{found} findings");
}

#[test]
fn g6_texts_made_from_the_regular_expressions_give_the_same_detections() {
    let expressions = expressions(&all_rules());
    assert!(expressions.len() > 400);
    let (mut runner, mut events, mut found) = (TestRunner::deterministic(), 0, 0);
    // Some of them: to compile one twice takes its time.
    for pattern in expressions.iter().step_by(5) {
        // The generator knows no places, only characters.
        let characters = pattern.replace(r"\b", "").replace("(?:^|", "(?:|").replace("|$)", "|)").replace(['^', '$'], "");
        let Ok(texts) = proptest::string::string_regex(&characters) else { continue };
        let mut own = Vec::new();
        for _ in 0..4 {
            let text = texts.new_tree(&mut runner).unwrap().current();
            own.push(journaled(1, run(&text)));
            own.push(journaled(1, run(&format!("/bin/sh -c {text} x"))));
            own.push(journaled(1, run(&text.to_lowercase().replace('k', "\u{212a}"))));
        }
        // Each on its own, so that no other part of a rule hides what it says.
        let quoted = pattern.replace('\'', "''");
        let rule = [source(rule("it", "linux", "process_creation", &format!("CommandLine|re: '{quoted}'")))];
        events += own.len();
        found += same(&rule, &own).unwrap_or_else(|differ| panic!("{pattern}: {differ}"));
    }
    assert!(events > 500);
    assert!(found > events / 8, "{found} findings in {events} events");
}

#[test]
fn each_way_to_write_an_expression_is_met_through_the_screen_too() {
    for (pattern, text, meets) in [
        (r"\bcurl\b", "a;curl", true),
        (r"\bcurl\b", "acurl", false),
        (r"(?i)\bask\b", "x a\u{17f}\u{212a}", true),
        (r"(?i)ski", "S\u{212a}I", true),
        (r"(?i)^nc$", "NC", true),
        (r"(?m)^nc$", "x\nnc\ny", true),
        (r"^nc$", "x\nnc", false),
        (r"\Anc\z", "nc", true),
        (r"(?x) n c   # a comment", "nc", true),
        (r"(?:ab){2}c", "xababc", true),
        (r"(?:ab){3,}", "ababab", true),
        (r"a[bB]c|d(?:ef)?g", "dg", true),
        (r"ab\sk", "ab\u{a0}k", true),
        (r"ab[^x]", "ab\u{130}", true),
        (r"ab[^k]cd", "ab\u{212a}cd", true),
        (r"ab[k-z]cd", "abscd", true),
        (r"(?i)ab[a-z]cd", "AB\u{17f}CD", true),
        (r"ab\Wcd", "ab\u{2013}cd", true),
        (r"ab\wcd", "ab\u{e9}cd", true),
        (r"ab(?-u:\b)", "ab\u{e9}", true),
        (r"(?-u:\b)ab", "\u{212a}ab", true),
        (r"é+ab", "ééab", true),
        (r"x*", "", true),
        (r"foo\B", "foobar", true),
        (r"-\bfoo", "-foo", true),
        (r"\.(?:c|cc)(?:\s|$)", "gcc a.c", true),
    ] {
        let rules = [source(rule("it", "linux", "process_creation", &format!("CommandLine|re: '{pattern}'")))];
        assert_eq!(same(&rules, &[journaled(1, run(text))]), Ok(usize::from(meets)), "{pattern} on {text:?}");
    }
}

#[test]
fn each_way_to_ask_for_a_text_is_met_through_the_screen_too() {
    for (selection, text, meets) in [
        ("CommandLine: 'NC'", "nc", true),
        ("CommandLine|cased: 'NC'", "nc", false),
        ("CommandLine|startswith: 'ſki'", "ſki", true),
        ("CommandLine|endswith: 'k'", "x\u{212a}", true),
        ("CommandLine|contains: 'İx'", "aİX", true),
        ("CommandLine|contains: 'k'", "k", true),
        ("CommandLine|contains: ''", "anything", true),
        ("CommandLine: 'a*b?d'", "axxbcd", true),
        ("CommandLine|contains|all: ['ab', 'cd']", "cd ab", true),
        ("CommandLine|contains|all: ['ab', 'cd']", "cd", false),
        ("CommandLine|windash|contains: ' -enc'", "x /enc", true),
        ("CommandLine|base64offset|contains: 'secret'", "x c2VjcmV0 y", true),
        ("CommandLine|neq: 'ab'", "cd", true),
        ("NoSuchField: null", "x", true),
        ("NoSuchField|exists: false", "x", true),
        ("CommandLine|exists: true", "x", true),
        ("CommandLine|fieldref: CommandLine", "x", true),
        ("ArgumentCount: 0", "x", true),
        ("ArgumentCount|contains: 0", "x", true),
        ("ArgumentCount|gte: 1", "x", false),
        ("CommandLine: [null, 'ab']", "ab", true),
    ] {
        let rules = [source(rule("it", "linux", "process_creation", selection))];
        assert_eq!(same(&rules, &[journaled(1, run(text))]), Ok(usize::from(meets)), "{selection} on {text:?}");
    }
    let keywords = "title: words\nlogsource: {product: linux}\ndetection:\n  words: ['needle', 'ſecret*x']\n  condition: words\n";
    let rules = [source(keywords.to_owned())];
    assert_eq!(same(&rules, &about(1, "a NEEDLE in it")[..1]), Ok(1));
}

#[test]
fn an_engine_that_leaves_something_out_is_found_out() {
    let of = |word: &str| [source(rule("it", "linux", "process_creation", &format!("CommandLine|contains: '{word}'")))];
    let event = [journaled(1, run("wget x"))];
    let (mut one, mut other) = (SigmaEngine::new(rules(&of("curl"))), SigmaEngine::asking_every_rule(rules(&of("wget"))));
    assert!(agreed(&mut one, &mut other, &event).is_err());
}
