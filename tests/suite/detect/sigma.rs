//! Tests: detect: Sigma: what is loaded, what is refused and where, and the fields of each category.

use std::fs;
use std::path::{Path, PathBuf};

use agentsh::detect::Engine as _;
use agentsh::detect::sigma::{Limits, Rules, SigmaEngine, Source};
use agentsh::event::{
    DnsQuery, FileCreate, FileRename, Header, HttpRequest, OsText, ProcessExec, RegistrySetValue, RegistryValueType,
};

use super::{engine, journaled, rule, titles};

/// Whether an event meets a selection.
fn check(product: &str, category: &str, selection: &str, event: impl Into<agentsh::event::Payload>, meets: bool) {
    let mut engine = engine(&[&rule("it", product, category, selection)]);
    assert_eq!(engine.faults(), [], "{selection}");
    assert_eq!(!titles(&mut engine, &journaled(1, event)).is_empty(), meets, "{category}: {selection}");
}

fn exec(argv: &[&str]) -> ProcessExec {
    ProcessExec { path: argv[0].into(), argv: argv.iter().map(|word| OsText::from(*word)).collect(), ..ProcessExec::default() }
}

#[test]
fn each_category_offers_its_fields() {
    check("linux", "process_creation", "CommandLine|contains: 'cat /etc/shadow'", exec(&["/bin/cat", "/etc/shadow"]), true);
    check("linux", "process_creation", "Image|endswith: '/cat'", exec(&["/bin/cat", "/etc/shadow"]), true);
    check("linux", "process_creation", "Image|endswith: '/tac'", exec(&["/bin/cat", "/etc/shadow"]), false);
    check("windows", "process_creation", "Image|endswith: '/cat'", exec(&["/bin/cat", "/etc/shadow"]), false);
    let create = || FileCreate { path: "/home/dev/.ssh/authorized_keys".into(), ..FileCreate::default() };
    check("linux", "file_event", "TargetFilename|endswith: '/.ssh/authorized_keys'", create(), true);
    check("linux", "file_delete", "TargetFilename|endswith: '/.ssh/authorized_keys'", create(), false);
    let rename = || FileRename { path: "/a/x.txt".into(), to: "/a/x.locked".into(), flags: 0 };
    check("linux", "file_rename", "TargetFilename|endswith: '.locked'", rename(), true);
    check("linux", "file_rename", "SourceFilename|endswith: '.txt'", rename(), true);
    let query = || DnsQuery { name: "x.evil.test".to_owned(), record_type: "TXT".to_owned(), ..DnsQuery::default() };
    check("linux", "dns_query", "QueryName|endswith: '.evil.test'", query(), true);
    check("linux", "dns", "query|endswith: '.evil.test'", query(), true);
    let request = || HttpRequest {
        method: "GET".to_owned(),
        scheme: "http".to_owned(),
        host: "h.test".to_owned(),
        port: 80,
        path: "/a/b.exe".to_owned(),
        query: Some("x=1".to_owned()),
        headers: vec![Header { name: "user-agent".to_owned(), value: "curl/8".to_owned() }],
        ..HttpRequest::default()
    };
    check("linux", "proxy", "c-uri: 'http://h.test/a/b.exe?x=1'", request(), true);
    check("linux", "proxy", "c-useragent|startswith: 'curl'", request(), true);
    check("linux", "proxy", "c-uri-extension: 'exe'", request(), true);
    check("linux", "proxy", "cs-cookie: null", request(), true);
}

#[test]
fn the_registry_has_sysmons_shape() {
    let set = |value_type, data: &str| RegistrySetValue {
        key: r"HKLM\SYSTEM\ControlSet001\Services\x".to_owned(),
        value_name: "Start".to_owned(),
        value_type,
        data: Some(data.to_owned()),
        size: None,
        details: None,
    };
    let dword = || set(RegistryValueType::Dword, "4");
    check("windows", "registry_set", r"TargetObject: 'HKLM\System\CurrentControlSet\Services\x\Start'", dword(), true);
    check("windows", "registry_set", "Details: 'DWORD (0x00000004)'", dword(), true);
    check("windows", "registry_event", "EventType: SetValue", dword(), true);
    check("windows", "registry_add", "EventType: SetValue", dword(), false);
    let qword = set(RegistryValueType::Qword, "4294967297");
    check("windows", "registry_set", "Details: 'QWORD (0x00000001-0x00000001)'", qword, true);
    check("windows", "registry_set", "Details: 'Binary Data'", set(RegistryValueType::Binary, "00ff"), true);
}

#[test]
fn null_empty_and_missing_differ() {
    let with = |value: Option<&str>| {
        let headers = value.map(|value| Header { name: "user-agent".to_owned(), value: value.to_owned() });
        HttpRequest { headers: headers.into_iter().collect(), ..HttpRequest::default() }
    };
    check("linux", "proxy", "c-useragent: ''", with(Some("")), true);
    check("linux", "proxy", "c-useragent: ''", with(None), false);
    check("linux", "proxy", "c-useragent: null", with(None), true);
    check("linux", "proxy", "c-useragent: null", with(Some("")), false);
    check("linux", "proxy", "no-such-field|exists: true", with(None), false);
}

#[test]
fn the_parent_is_the_process_that_was_seen_to_start() {
    let text = rule("child", "linux", "process_creation", "ParentCommandLine|contains: 'evil.sh'");
    let mut engine = engine(&[&text]);
    let mut parent = journaled(1, exec(&["/bin/sh", "evil.sh"]));
    let mut child = journaled(2, exec(&["/usr/bin/id"]));
    parent.event.actor.as_mut().unwrap().pid = 100;
    child.event.actor.as_mut().unwrap().pid = 101;
    child.event.actor.as_mut().unwrap().ppid = Some(100);
    assert_eq!(titles(&mut engine, &parent), Vec::<String>::new());
    assert_eq!(titles(&mut engine, &child), ["child"]);
    child.event.actor.as_mut().unwrap().ppid = Some(99);
    assert_eq!(titles(&mut engine, &child), Vec::<String>::new(), "another parent");
}

#[test]
fn a_correlation_counts_within_a_session_and_its_state_can_be_taken_up_again() {
    let text = "title: base\nid: base-rule\nlogsource: {product: linux, category: process_creation}\ndetection:\n  s:\n    \
                Image|endswith: '/id'\n  condition: s\n---\ntitle: many\nid: many-rule\ncorrelation:\n  type: event_count\n  \
                rules: [base-rule]\n  group-by: [User]\n  timespan: 1h\n  condition: {gte: 3}\nlevel: high\n";
    let mut first = engine(&[text]);
    assert_eq!(first.faults(), []);
    for seq in 1..=2 {
        assert_eq!(titles(&mut first, &journaled(seq, exec(&["/usr/bin/id"]))), Vec::<String>::new());
    }
    let states = first.changed();
    let [state] = states.as_slice() else { panic!("{states:?}") };
    let mut second = engine(&[text]);
    assert!(second.take_up(&state.session, state.state.as_deref()));
    let mut found = Vec::new();
    second.look(&journaled(3, exec(&["/usr/bin/id"])), &mut found);
    let seqs: Vec<u64> = found[0].events.iter().map(|seq| seq.get()).collect();
    assert_eq!((found.len(), seqs), (1, vec![1, 2, 3]));
    let mut other = engine(&[text]);
    assert_eq!(titles(&mut other, &journaled(3, exec(&["/usr/bin/id"]))), Vec::<String>::new(), "nothing was counted there");
}

#[test]
fn a_bad_rule_is_reported_with_its_place_and_stops_no_other() {
    let good = rule("good", "linux", "process_creation", "Image|endswith: '/id'");
    let unknown = good.replace("title: good", "title: unknown").replace("t1562.001", "t9999");
    let mut engine = engine(&[
        &good,
        "title: [\n",
        "title: no detection\nlogsource: {product: linux}\n",
        &good,
        &unknown,
        &rule("pattern", "linux", "process_creation", "CommandLine|re: '(((((a{1,200}){1,200}){1,200}){1,200})'"),
        &rule("slow", "linux", "process_creation", "CommandLine|re: '(a+)+$'"),
    ]);
    let files: Vec<&str> = engine.faults().iter().map(|fault| fault.file.as_str()).collect();
    for file in ["1.yml", "2.yml", "3.yml", "4.yml", "5.yml"] {
        assert!(files.contains(&file), "{file}: {:?}", engine.faults());
    }
    let technique = engine.faults().iter().find(|fault| fault.file == "4.yml").unwrap();
    assert!(technique.reason.contains("T9999") && technique.line == Some(10) && !technique.refused, "{technique:?}");
    assert_eq!(titles(&mut engine, &journaled(1, exec(&["/usr/bin/id"]))), ["good", "unknown"]);
    // It backtracks for ever elsewhere.
    let long = format!("{}!", "a".repeat(20_000));
    assert_eq!(titles(&mut engine, &journaled(2, exec(&["/bin/x", &long]))), Vec::<String>::new());
}

#[test]
fn ten_thousand_rules_are_taken_in_and_more_than_the_limit_are_not() {
    let text = |at: usize| rule(&format!("r{at}"), "linux", "process_creation", &format!("CommandLine|contains: 'needle-{at}-'"));
    let sources: Vec<Source> = (0..10_000).map(|at| Source { file: format!("{at}.yml"), text: text(at) }).collect();
    let mut engine = SigmaEngine::new(Rules::read(&sources, Limits::default()));
    assert_eq!((engine.rules().len(), engine.faults()), (10_000, &[][..]));
    assert_eq!(titles(&mut engine, &journaled(1, exec(&["/bin/x", "needle-4321-"]))), ["r4321"]);
    let few = Rules::read(&sources[..20], Limits { rules: 10, ..Limits::default() });
    assert_eq!((few.infos().len(), few.faults.len()), (10, 10));
}

#[test]
fn every_rule_of_sigmahq_that_is_at_hand_loads() {
    let folder = Path::new("/work/shared/data/sigma/rules");
    if !folder.is_dir() {
        eprintln!("skipped: every_rule_of_sigmahq_that_is_at_hand_loads: {} is not there", folder.display());
        return;
    }
    let mut sources = Vec::new();
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yml") {
                sources.push(Source { file: path.display().to_string(), text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    let engine = SigmaEngine::new(Rules::read(&sources, Limits::default()));
    assert_eq!(engine.faults(), []);
    assert_eq!(engine.rules().len(), sources.len());
    assert!(engine.rules().iter().all(|rule| rule.fed), "our events feed every category of them");
}
