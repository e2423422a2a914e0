//! Tests: detect: `agentsh detect rules add | remove | list | check` through the real program, with good rules and with all sorts of bad ones.

use std::path::Path;

use serde_json::{Value, json};

use super::rig::{Rig, about, at, starts};
use crate::grpc::rig::Process;
use crate::import::rig::shared;

impl Rig {
    fn add_path(&self, path: &Path) -> (i32, String, String) {
        self.agentsh(&["detect", "rules", "add", path.to_str().unwrap()])
    }

    /// The ids of the rules that would be used.
    fn ids(&self) -> Vec<String> {
        let list = self.json(&["detect", "rules", "list", "--json"]);
        list.as_array().unwrap().iter().map(|rule| rule["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Names in the folder of what was added.
    fn added(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.data().join("rules")) else { return Vec::new() };
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The faults of `check`, and its exit code.
    fn check(&self, paths: &[&Path]) -> (i32, Vec<Value>) {
        let paths: Vec<&str> = paths.iter().map(|path| path.to_str().unwrap()).collect();
        let (code, out, err) = self.agentsh(&[&["detect", "rules", "check", "--json"], paths.as_slice()].concat());
        let checked: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
        (code, checked["faults"].as_array().unwrap().clone())
    }
}

#[test]
fn a_file_and_a_folder_are_added_listed_used_and_removed() {
    let rig = Rig::new();
    let (code, out, err) = rig.add_path(&rig.write("one.yml", &about("one", "id", "tags: [attack.t1033]\n")));
    let to = rig.data().join("rules/one.yml");
    let said = format!("added {}: 1 rules in 1 files, 1 of them are reached by events\n", to.display());
    assert_eq!((code, out.as_str(), err.as_str()), (0, said.as_str(), ""));
    rig.write("pack/a.yml", &about("two", "curl", ""));
    rig.write("pack/deep/er/b.yaml", &about("three", "sh", ""));
    rig.write("pack/README.md", "not a rule");
    rig.write("pack/.github/workflows/ci.yml", "on: push");
    let added = rig.json(&["detect", "rules", "add", "--json", rig.folder.path().join("pack").to_str().unwrap()]);
    assert_eq!(
        added,
        json!({"path": rig.data().join("rules/pack").to_str(), "files": 2, "rules": 2, "reached": 2, "faults": []})
    );
    assert_eq!(rig.ids(), ["rule-one", "rule-two", "rule-three"]);
    let list = rig.json(&["detect", "rules", "list", "--json"]);
    assert_eq!(
        list[0],
        json!({
            "id": "rule-one", "title": "one", "level": "low", "techniques": ["T1033"], "tactics": ["discovery"],
            "log_source": "linux/process_creation", "file": to.to_str(), "used": true,
        })
    );
    assert_eq!(rig.check(&[]), (0, vec![]));
    // The next session is looked at with them.
    rig.import("a.jsonl", &starts(&[at(0.0, "id"), at(1.0, "curl x"), at(2.0, "sh x"), at(3.0, "true")]));
    assert_eq!(rig.titles(), ["one", "two", "three"]);

    assert_eq!(rig.ok(&["detect", "rules", "remove", "one.yml"]), format!("removed {}\n", to.display()));
    let removed = rig.json(&["detect", "rules", "remove", "--json", "rule-three"]);
    assert_eq!(removed, json!({"removed": rig.data().join("rules/pack/deep/er/b.yaml").to_str()}));
    assert_eq!(rig.ids(), ["rule-two"]);
    assert!(!rig.data().join("rules/pack/deep").exists(), "a folder in which nothing is left goes too");
    rig.import("b.jsonl", &starts(&[at(0.0, "id"), at(1.0, "curl x"), at(2.0, "sh x")]));
    assert_eq!(rig.titles(), ["one", "two", "three", "two"]);
    rig.ok(&["detect", "rules", "remove", "pack"]);
    assert_eq!((rig.ids(), rig.added()), (vec![], vec![]));
    // What was removed can be added again.
    assert_eq!(rig.add_path(&rig.folder.path().join("one.yml")).0, 0);
}

#[test]
fn an_unmodified_rule_of_sigmahq_fires_once_it_is_added() {
    let test = "an_unmodified_rule_of_sigmahq_fires_once_it_is_added";
    let Some(rule) = shared("sigma/rules/linux/process_creation/proc_creation_lnx_base64_decode.yml", test) else { return };
    let rig = Rig::new();
    let added = rig.json(&["detect", "rules", "add", "--json", rule.to_str().unwrap()]);
    assert_eq!((&added["rules"], &added["reached"], &added["faults"]), (&json!(1), &json!(1), &json!([])));
    let kept = std::fs::read(added["path"].as_str().unwrap()).unwrap();
    assert_eq!(kept, std::fs::read(&rule).unwrap(), "it is kept as it is");
    rig.import("a.jsonl", &starts(&[at(0.0, "base64 -d x"), at(1.0, "base64 x")]));
    assert_eq!(rig.titles(), ["Decode Base64 Encoded Text"]);
}

#[test]
fn every_linux_rule_of_sigmahq_is_added_as_a_folder() {
    let Some(folder) = shared("sigma/rules/linux", "every_linux_rule_of_sigmahq_is_added_as_a_folder") else { return };
    let rig = Rig::new();
    let added = rig.json(&["detect", "rules", "add", "--json", folder.to_str().unwrap()]);
    assert_eq!(added["faults"], json!([]));
    assert_eq!(added["rules"], added["files"]);
    assert_eq!(u64::try_from(rig.ids().len()).unwrap(), added["rules"].as_u64().unwrap());
}

#[test]
fn of_two_rules_with_one_id_the_first_counts_and_the_second_is_named() {
    let rig = Rig::new();
    rig.add("b.yml", &about("one", "id", ""));
    // A file in which only one is new is added, and what is wrong is said.
    let both = about("one", "curl", "") + "---\n" + &about("two", "sh", "");
    let added = rig.add("c.yml", &both);
    assert_eq!((&added["rules"], added["faults"].as_array().unwrap().len()), (&json!(1), 1));
    let fault = &added["faults"][0];
    let (first, second) = (rig.data().join("rules/b.yml"), rig.data().join("rules/c.yml"));
    assert_eq!((&fault["file"], &fault["line"], &fault["refused"]), (&json!(second.to_str()), &json!(2), &json!(true)));
    assert_eq!(fault["reason"], format!("a rule with the id rule-one was loaded already, from {}", first.display()));
    assert_eq!(rig.ids(), ["rule-one", "rule-two"]);
    // One in which nothing is new is not added at all.
    let (code, out, err) = rig.add_path(&rig.write("d.yml", &about("one", "sh", "")));
    assert_eq!((code, out.as_str()), (125, ""));
    assert!(err.contains("no rule in it can be used, and nothing was added") && err.contains("was loaded already"), "{err}");
    assert_eq!(rig.added(), ["b.yml", "c.yml"]);
    // Nor one of the program's own.
    let own = agentsh::detect::BUILT_IN[0].1;
    let path = rig.write("own.yml", own);
    let mut with_pack = rig.command(&["detect", "rules", "add", path.to_str().unwrap()]);
    let output = with_pack.env("AGENTSH_DETECT__BUILT_IN", "true").output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&output.stderr).contains("was loaded already, from built-in/"));
    // Rules are read by the names of their files: a name that comes first takes the place, and that is said too.
    let added = rig.add("a.yml", &about("one", "sh", ""));
    assert_eq!((&added["rules"], &added["faults"][0]["file"]), (&json!(1), &json!(first.to_str())));
    // The same name again.
    let (code, _, err) = rig.add_path(&rig.folder.path().join("a.yml"));
    assert_eq!(code, 125);
    assert_eq!(err, "error: a.yml was added already: remove it first (`agentsh detect rules remove a.yml`)\n");
}

#[test]
fn an_id_that_attack_does_not_have_is_an_error_with_its_place_and_what_was_meant() {
    let rig = Rig::new();
    let file = rig.write("x.yml", &about("x", "id", "tags:\n  - attack.discovery\n  - attack.t1059.04\n"));
    let (code, faults) = rig.check(&[&file]);
    assert_eq!((code, faults.len()), (1, 1));
    assert_eq!((&faults[0]["file"], &faults[0]["line"], &faults[0]["rule"]), (&json!(file.to_str()), &json!(11), &json!("x")));
    assert_eq!(
        faults[0]["reason"],
        "`attack.t1059.04`: ATT&CK v19 has no technique T1059.04, and neither had v18; did you mean T1059.004 (Command and Scripting \
         Interpreter: Bash)?"
    );
    let (code, out, _) = rig.agentsh(&["detect", "rules", "check", file.to_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(out.starts_with(&format!("wrong  {}:11: x: `attack.t1059.04`", file.display())), "{out}");
    // It is used without the id, and adding it says what is wrong.
    let (code, out, err) = rig.add_path(&file);
    assert_eq!(code, 0, "{out}{err}");
    assert!(err.contains(":11: x: `attack.t1059.04`"), "{err}");
    assert_eq!(rig.check(&[]).0, 1);
    // The counter-example: an id that was retired is none.
    let old = rig.write("old.yml", &about("old", "id", "tags: [attack.t1562.001, attack.defense-evasion]\n"));
    assert_eq!(rig.check(&[&old]), (0, vec![]));
}

#[test]
fn a_rule_that_is_broken_is_refused_with_its_place_and_stops_no_other() {
    let rig = Rig::new();
    let bad = [
        ("yaml.yml", "title: x\ndetection: [unclosed\n".to_owned()),
        ("tabs.yml", "title: x\n\tlogsource: y\n".to_owned()),
        ("text.yml", "just words".to_owned()),
        ("condition.yml", about("c", "id", "").replace("condition: s", "condition: nowhere and (")),
        ("modifier.yml", about("m", "id", "").replace("endswith", "endswiht")),
        (
            "lone.yml",
            "title: l\ncorrelation:\n  type: event_count\n  rules: [nobody]\n  timespan: 1m\n  condition: {gte: 2}\n".into(),
        ),
        ("large.yml", format!("{}description: {}\n", about("g", "id", ""), "x".repeat(1 << 20))),
    ];
    for (name, text) in &bad {
        let path = rig.write(name, text);
        let (code, faults) = rig.check(&[&path]);
        assert_eq!(code, 1, "{name}");
        assert!(faults.iter().any(|fault| fault["refused"] == true), "{name}: {faults:?}");
        assert!(faults.iter().all(|fault| fault["file"] == path.to_str().unwrap()), "{name}: {faults:?}");
        let (code, out, err) = rig.add_path(&path);
        assert_eq!((code, out.as_str()), (125, ""), "{name}: {err}");
        assert!(err.starts_with("error: ") && err.lines().count() == 1, "{name}: {err}");
    }
    assert_eq!(rig.added(), [] as [&str; 0]);
    // Beside a good one they are reported, and it is used.
    rig.write("mixed/good.yml", &about("good", "id", ""));
    for (name, text) in &bad {
        rig.write(&format!("mixed/{name}"), text);
    }
    let added = rig.json(&["detect", "rules", "add", "--json", rig.folder.path().join("mixed").to_str().unwrap()]);
    assert_eq!(added["rules"], 1);
    let faulty = |name: &str| added["faults"].as_array().unwrap().iter().any(|of| of["file"].as_str().unwrap().ends_with(name));
    for (name, _) in &bad {
        assert!(faulty(name), "{name}: {added}");
    }
    rig.import("a.jsonl", &starts(&[at(0.0, "id")]));
    assert_eq!(rig.titles(), ["good"]);
}

#[test]
fn a_pattern_that_would_take_for_ever_elsewhere_costs_time_in_proportion_and_one_that_is_huge_is_refused() {
    let rig = Rig::new();
    let regex = |title: &str, pattern: &str| {
        about(title, "id", "").replace("Image|endswith: '/id'", &format!("CommandLine|re: '{pattern}'"))
    };
    rig.add("backtracking.yml", &regex("backtracking", "^id (a+)+$"));
    let words: &'static str = Box::leak(format!("id {}b", "a".repeat(30_000)).into_boxed_str());
    let matching: &'static str = Box::leak(format!("id {}", "a".repeat(30_000)).into_boxed_str());
    let started = std::time::Instant::now();
    rig.import("a.jsonl", &starts(&[at(0.0, words), at(1.0, matching)]));
    assert_eq!(rig.titles(), ["backtracking"]);
    assert!(started.elapsed() < crate::support::DEADLINE, "{:?}", started.elapsed());
    let (code, _, err) = rig.add_path(&rig.write("huge.yml", &regex("huge", "((a{1,1000}){1,1000}){1,1000}")));
    assert_eq!(code, 125);
    assert!(err.contains("huge.yml:") && err.contains("size"), "{err}");
    let (code, _, err) = rig.add_path(&rig.write("unclosed.yml", &regex("unclosed", "(id")));
    assert_eq!(code, 125);
    assert!(err.contains("unclosed.yml:"), "{err}");
}

#[test]
fn what_holds_no_rules_is_refused() {
    let rig = Rig::new();
    let folder = rig.folder.path().join("empty");
    std::fs::create_dir(&folder).unwrap();
    let says = |arguments: &[&str], what: &str| {
        let (code, out, err) = rig.agentsh(arguments);
        assert_eq!((code, out.as_str()), (125, ""), "{arguments:?}: {err}");
        assert!(err.contains(what), "{arguments:?}: {err}");
    };
    says(&["detect", "rules", "add", "empty"], "there is no rule in it: files of Sigma rules end with .yml or .yaml");
    says(&["detect", "rules", "check", "empty"], "there is no rule in it");
    says(&["detect", "rules", "add", "nowhere.yml"], "cannot read");
    says(&["detect", "rules", "check", "nowhere.yml"], "cannot read");
    // A file that would never be read again.
    rig.write("rules.txt", &about("t", "id", ""));
    says(&["detect", "rules", "add", "rules.txt"], "end with .yml or .yaml");
    rig.write(".hidden.yml", &about("h", "id", ""));
    says(&["detect", "rules", "add", ".hidden.yml"], "begins with a dot");
    // A pipe that nobody writes to does not stop anybody.
    nix::unistd::mkfifo(&folder.join("pipe.yml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    says(&["detect", "rules", "add", "empty"], "there is no rule in it");
    assert_eq!(rig.added(), [] as [&str; 0]);
}

#[test]
fn a_name_cannot_lead_out_of_the_folder_of_rules() {
    let rig = Rig::new();
    rig.add("in.yml", &about("in", "id", ""));
    let outside = rig.write("data/outside.yml", &about("outside", "id", ""));
    let secret = rig.write("secret.yml", &about("secret", "id", ""));
    for name in
        ["../outside.yml", "..", ".", "", "/", "rules/../../outside.yml", secret.to_str().unwrap(), "rule-outside", "./in.yml"]
    {
        let (code, _, err) = rig.agentsh(&["detect", "rules", "remove", name]);
        assert_eq!(code, 125, "{name}");
        assert!(err.contains("nothing that was added is named"), "{name}: {err}");
    }
    assert!(outside.exists() && secret.exists());
    assert_eq!(rig.added(), ["in.yml"]);
    // A link is removed, and not what it leads to.
    std::os::unix::fs::symlink(&secret, rig.data().join("rules/link.yml")).unwrap();
    std::os::unix::fs::symlink(rig.folder.path(), rig.data().join("rules/away")).unwrap();
    rig.ok(&["detect", "rules", "remove", "link.yml"]);
    rig.ok(&["detect", "rules", "remove", "away"]);
    assert!(secret.exists() && outside.exists());
    // Links that lead in a circle end, and a folder is read once.
    rig.write("pack/a.yml", &about("a", "id", ""));
    std::os::unix::fs::symlink("..", rig.folder.path().join("pack/up")).unwrap();
    std::os::unix::fs::symlink(".", rig.folder.path().join("pack/round")).unwrap();
    let (code, faults) = rig.check(&[&rig.folder.path().join("pack")]);
    assert!(faults.iter().all(|fault| !fault["file"].as_str().unwrap().contains("round")), "{code}: {faults:?}");
    // `..` is added under the name of the folder that it is.
    std::fs::create_dir_all(rig.folder.path().join("more/inner")).unwrap();
    rig.write("more/b.yml", &about("b", "id", ""));
    let up = rig.folder.path().join("more/inner/..");
    assert_eq!(rig.add_path(&up).0, 0);
    assert_eq!(rig.added(), ["in.yml", "more"]);
}

#[test]
fn what_is_being_copied_is_not_read() {
    let rig = Rig::new();
    rig.add("in.yml", &about("in", "id", ""));
    // What an `add` that was killed has left.
    rig.write("data/rules/.new-123/half.yml", &about("half", "id", ""));
    assert_eq!(rig.ids(), ["rule-in"]);
    assert_eq!(rig.check(&[]), (0, vec![]));
}

#[test]
fn a_server_that_runs_keeps_its_rules_and_the_next_has_the_new_ones() {
    let rig = Rig::new();
    rig.add("one.yml", &about("one", "id", ""));
    let server = || Process::start(&rig.data(), &[], &[("AGENTSH_DETECT__BUILT_IN", "false")]);
    let metric = |server: &Process, name: &str| {
        let answer = crate::telemetry::load::get(server.http, "/metrics");
        answer.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok())
    };
    let running = server();
    crate::support::until("the rules are loaded", || metric(&running, "agentsh_detect_rules ") == Some(1.0));
    rig.add("two.yml", &about("two", "curl", ""));
    // The server has the place of the one that detects: an import beside it is looked at with the server's rules.
    rig.import("a.jsonl", &starts(&[at(0.0, "id"), at(1.0, "curl x")]));
    assert_eq!(rig.titles(), ["one"]);
    assert_eq!(metric(&running, "agentsh_detect_rules "), Some(1.0));
    drop(running);
    let next = server();
    crate::support::until("the rules are loaded", || metric(&next, "agentsh_detect_rules ") == Some(2.0));
    rig.import("b.jsonl", &starts(&[at(0.0, "id"), at(2.0, "curl x")]));
    assert_eq!(rig.titles(), ["one", "one", "two"]);
    // What the new rule says of what was there before is asked for.
    drop(next);
    let done = rig.json(&["detect", "backfill", "--json", "--rule", "two"]);
    assert_eq!((&done["found"], &done["appended"]), (&json!(2), &json!(1)));
}

#[test]
fn a_thousand_rules_are_added_as_one_folder() {
    let rig = Rig::new();
    for file in 0..10 {
        let rules: Vec<String> = (0..100).map(|rule| about(&format!("r{file}-{rule}"), &format!("p{file}-{rule}"), "")).collect();
        rig.write(&format!("many/{file}.yml"), &rules.join("---\n"));
    }
    let added = rig.json(&["detect", "rules", "add", "--json", rig.folder.path().join("many").to_str().unwrap()]);
    assert_eq!((&added["files"], &added["rules"], &added["faults"]), (&json!(10), &json!(1_000), &json!([])));
    rig.import("a.jsonl", &starts(&[at(0.0, "p7-42 x"), at(1.0, "p7-420 x")]));
    assert_eq!(rig.titles(), ["r7-42"]);
}
