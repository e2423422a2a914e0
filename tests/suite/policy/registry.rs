//! Tests: registry rules. Every spelling of a key is one key, values are part of the match, and the table of high-risk paths.

use std::collections::BTreeSet;
use std::path::Path;

use agentsh::event::{Decision, Payload, RegistryRenameKey, RegistrySetValue, registry_key};
use agentsh::policy::{Policy, Problem, fold_registry_key, high_risk_paths};
use proptest::prelude::*;

use super::check::{check, check_policy, event, policy, variables};

fn set(key: &str, value_name: &str) -> Payload {
    RegistrySetValue { key: key.to_owned(), value_name: value_name.to_owned(), ..RegistrySetValue::default() }.into()
}

/// One rule that refuses, for the paths given.
fn refusing(paths: &str) -> String {
    format!("registry_rules:\n  - {{name: r, paths: [{paths}], decision: deny}}\n")
}

#[test]
fn the_design_s_example_means_what_it_says() {
    let rules = r"registry_rules:
  - name: allow-app-settings
    paths: ['HKCU\SOFTWARE\MyApp\*']
    operations: ['*']
    decision: allow
  - name: block-persistence-keys
    paths: ['HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run*', 'HKCU\SOFTWARE\Microsoft\Windows\CurrentVersion\Run*']
    operations: [write, create, delete]
    decision: deny
    priority: 100
";
    let run = r"\REGISTRY\USER\S-1-5-21-1-2-3-1001\SOFTWARE\Microsoft\Windows\CurrentVersion";
    check(
        rules,
        &[
            (r"regset HKU\S-1-5-21-1-2-3-1001\Software\MyApp\Colours :: Red", "allow allow-app-settings"),
            (r"regset HKU\S-1-5-21-1-2-3-1001\Software\MyApp :: Red", "allow allow-app-settings"),
            (r"regcreate HKCU\Software\MyApp", "allow default"),
            (&format!(r"regset {run}\Run :: Evil"), "deny block-persistence-keys"),
            (&format!(r"regdelval {run}\RunOnce :: Evil"), "deny block-persistence-keys"),
            (r"regcreate HKLM\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\RunOnce", "deny block-persistence-keys"),
            (&format!(r"regget {run}\Run :: Good"), "allow default"),
            (&format!(r"regset {run}\Explorer :: Run"), "allow default"),
        ],
    );
}

#[test]
fn every_spelling_of_a_key_gets_the_same_verdict() {
    let spellings = [
        r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip",
        r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Tcpip",
        r"hklm\system\currentcontrolset\services\TCPIP",
        r"HKLM:\SYSTEM\CurrentControlSet\Services\Tcpip",
        r"Computer\HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Tcpip",
        r"\REGISTRY\MACHINE\SYSTEM\ControlSet001\Services\Tcpip",
        r"\Registry\Machine\System\ControlSet002\\Services\Tcpip\",
    ];
    for pattern in &spellings[..6] {
        let policy = policy(&refusing(&format!("'{pattern}'")));
        for key in spellings {
            check_policy(
                &policy,
                &[(&format!("regopen {key}"), "deny r"), (&format!(r"regopen {key}\Parameters"), "allow default")],
            );
        }
        check_policy(&policy, &[(r"regopen HKLM\SYSTEM\ControlSet\Services\Tcpip", "allow default")]);
    }
}

#[test]
fn a_user_s_hive_is_hkcu_and_a_named_user_is_nobody_else() {
    let any = policy(&refusing(r"'HKCU\Software\X'"));
    let one = policy(&refusing(r"'HKU\S-1-5-21-7\Software\X'"));
    for (key, by_any, by_one) in [
        (r"HKU\S-1-5-21-7\Software\X", "deny r", "deny r"),
        (r"HKU\s-1-5-21-7\SOFTWARE\WOW6432NODE\x", "deny r", "deny r"),
        (r"\REGISTRY\USER\S-1-5-21-7\Software\X", "deny r", "deny r"),
        (r"HKU\S-1-5-21-8\Software\X", "deny r", "allow default"),
        (r"HKU\.DEFAULT\Software\X", "deny r", "allow default"),
        (r"HKCU\Software\X", "deny r", "allow default"),
        (r"HKLM\Software\X", "allow default", "allow default"),
    ] {
        check_policy(&any, &[(&format!("regopen {key}"), by_any)]);
        check_policy(&one, &[(&format!("regopen {key}"), by_one)]);
    }
    check(&refusing(r"'HKU\*\Software\X'"), &[(r"regopen HKCU\Software\X", "deny r")]);
}

#[test]
fn classes_are_the_machine_s_and_the_user_s() {
    check(
        &refusing(r"'HKCR\txtfile\**'"),
        &[
            (r"regopen HKCR\txtfile\shell", "deny r"),
            (r"regopen HKLM\SOFTWARE\Classes\txtfile\shell", "deny r"),
            (r"regopen HKLM\SOFTWARE\Classes\WOW6432Node\txtfile\shell", "deny r"),
            (r"regopen HKLM\SOFTWARE\WOW6432Node\Classes\txtfile\shell", "deny r"),
            (r"regopen HKU\S-1-5-21-7_Classes\txtfile\shell", "deny r"),
            (r"regopen HKU\S-1-5-21-7\Software\Classes\txtfile\shell", "deny r"),
            (r"regopen HKCU\Software\Classes\txtfile\shell", "deny r"),
            (r"regopen HKCR\txtfiles\shell", "allow default"),
            (r"regopen HKLM\SOFTWARE\txtfile\shell", "allow default"),
        ],
    );
    check(
        &refusing(r"'HKCU\Software\Classes\a'"),
        &[(r"regopen HKCR\a", "deny r"), (r"regopen HKLM\SOFTWARE\Classes\a", "allow default")],
    );
    check(&refusing(r"'HKCC\Software'"), &[(r"regopen HKLM\SYSTEM\ControlSet001\Hardware Profiles\Current\Software", "deny r")]);
}

#[test]
fn hives_without_a_win32_name_stay_what_they_are() {
    check(
        &refusing(r"'\REGISTRY\A\{*}\LocalState\**'").replace("{*}", "[{]*[}]"),
        &[
            (r"regopen \REGISTRY\A\{3f5e-9c}\LocalState\x", "deny r"),
            (r"regopen \Registry\a\{3F5E-9C}\localstate\x", "deny r"),
            (r"regopen HKLM\A\{3f5e-9c}\LocalState\x", "allow default"),
            (r"regopen HKU\{3f5e-9c}\LocalState\x", "allow default"),
        ],
    );
    assert_eq!(registry_key(r"\REGISTRY\A\{3f5e-9c}\LocalState"), r"\REGISTRY\A\{3f5e-9c}\LocalState");
}

#[test]
fn names_compare_as_windows_compares_them() {
    check(
        &refusing(r"'HKCU\Software\Straße Ärger Ωmega ж'"),
        &[
            (r"regopen HKCU\SOFTWARE\STRAßE ärger ωMEGA Ж", "deny r"),
            (r"regopen HKCU\SOFTWARE\STRASSE ÄRGER ΩMEGA Ж", "allow default"),
        ],
    );
    // What Unicode folds to ASCII, the kernel's table leaves alone.
    check(
        &refusing(r"'HKCU\Software\IS'"),
        &[(r"regopen HKCU\Software\ıſ", "allow default"), (r"regopen HKCU\Software\is", "deny r")],
    );
}

#[test]
fn a_value_s_name_is_one_segment_whatever_is_in_it() {
    let one = refusing(r"'HKCU\Software\X\*'");
    check(&one, &[(r"regset HKCU\Software\X :: a\b/c", "deny r"), (r"regset HKCU\Software\X\Y\Z :: a", "allow default")]);
    // A value's name with a separator in it is no key.
    check(
        &refusing(r"'HKCU\Software\X\a\b'"),
        &[(r"regset HKCU\Software\X :: a\b", "allow default"), (r"regset HKCU\Software\X\a :: b", "deny r")],
    );
    check(
        &refusing(r"'HKCU\Software\X\(Default)'"),
        &[(r"regset HKCU\Software\X ::", "deny r"), (r"regset HKCU\Software\X :: a", "allow default")],
    );
    check(
        &refusing(r"'HKCU\Software\a/b'"),
        &[(r"regopen HKCU\Software\a/b", "deny r"), (r"regopen HKCU\Software\a\b", "allow default")],
    );
}

#[test]
fn a_rule_may_be_about_values_of_some_names() {
    let rules = "registry_rules:\n  - {name: r, paths: ['HKCU\\Software\\X'], values: [Shell, 'User*', ''], decision: deny}\n";
    check(
        rules,
        &[
            (r"regset HKCU\Software\X :: shell", "deny r"),
            (r"regget HKCU\Software\X :: Userinit", "deny r"),
            (r"regdelval HKCU\Software\X ::", "deny r"),
            (r"regset HKCU\Software\X :: Shells", "allow default"),
            (r"regdelete HKCU\Software\X", "allow default"),
            (r"regset HKCU\Software\X\Y :: Shell", "allow default"),
        ],
    );
}

#[test]
fn each_word_is_its_operations_and_no_other() {
    let operations = [
        (r"regopen HKCU\X", "open read"),
        (r"regget HKCU\X :: v", "read"),
        (r"regset HKCU\X :: v", "write"),
        (r"regdelval HKCU\X :: v", "delete"),
        (r"regcreate HKCU\X", "create"),
        (r"regdelete HKCU\X", "delete"),
        (r"regrename HKCU\X -> HKCU\Y", "delete rename"),
        (r"regrename HKCU\Y -> HKCU\X", "create rename"),
    ];
    for word in ["read", "open", "write", "create", "delete", "rename", "'*'"] {
        let rules = format!("registry_rules:\n  - {{name: r, paths: ['HKCU\\X'], operations: [{word}], decision: deny}}\n");
        for (operation, words) in operations {
            let expected = if word == "'*'" || words.split(' ').any(|known| known == word) { "deny r" } else { "allow default" };
            check(&rules, &[(operation, expected)]);
        }
    }
}

#[test]
fn high_risk_paths_refuse_every_change_and_no_look() {
    let policy = policy("");
    let run = r"HKU\S-1-5-21-1\Software\Microsoft\Windows\CurrentVersion\Run";
    let elsewhere = r"HKU\S-1-5-21-1\Software\Elsewhere";
    for (operation, expected) in [
        (format!("regset {run} :: Evil"), "deny default"),
        (format!("regcreate {run}"), "deny default"),
        (format!("regdelete {run}"), "deny default"),
        (format!("regdelval {run} :: Evil"), "deny default"),
        (format!("regrename {run} -> {elsewhere}"), "deny default"),
        (format!("regrename {elsewhere} -> {run}"), "deny default"),
        (format!("regopen {run}"), "allow default"),
        (format!("regget {run} :: Evil"), "allow default"),
        (format!("regset {elsewhere} :: Run"), "allow default"),
        (format!("regset {run}ner :: x"), "allow default"),
    ] {
        check_policy(&policy, &[(&operation, expected)]);
    }
}

#[test]
fn a_high_risk_refusal_names_the_technique_and_tags_it() {
    for (key, value, technique) in [
        (r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run", "x", "T1547.001"),
        (r"HKLM\Software\WOW6432Node\Microsoft\Windows\CurrentVersion\RunOnce", "x", "T1547.001"),
        (r"HKCU\Software\Microsoft\Windows\CurrentVersion\Policies\Explorer\Run", "1", "T1547.001"),
        (r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon", "Shell", "T1547.004"),
        (r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\WDigest", "UseLogonCredential", "T1547.005"),
        (r"HKLM\SYSTEM\ControlSet001\Control\Lsa", "Security Packages", "T1547.005"),
        (r"HKLM\SYSTEM\ControlSet001\Control\Lsa", "Authentication Packages", "T1547.002"),
        (r"HKLM\SYSTEM\ControlSet001\Control\Lsa", "LimitBlankPasswordUse", "T1003"),
        (r"\REGISTRY\MACHINE\SYSTEM\ControlSet001\Services\Evil", "ImagePath", "T1543.003"),
        (
            r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\StandardProfile",
            "EnableFirewall",
            "T1686.003",
        ),
        (r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree\Evil", "SD", "T1053.005"),
        (r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\KnownDLLs", "kernel32", "T1574.001"),
        (r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Windows", "AppInit_DLLs", "T1546.010"),
        (r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Image File Execution Options\sethc.exe", "Debugger", "T1546.012"),
        (r"HKU\S-1-5-21-7_Classes\CLSID\{b5f8350b}\InprocServer32", "", "T1546.015"),
        (r"HKCR\txtfile\shell\open\command", "", "T1546.001"),
        (r"HKLM\SOFTWARE\Policies\Microsoft\Windows Defender", "DisableAntiSpyware", "T1685"),
        (r"HKLM\SOFTWARE\Microsoft\Windows Defender\Exclusions\Paths", r"C:\evil", "T1685"),
        (r"HKLM\SECURITY\Policy\Secrets\$MACHINE.ACC\CurrVal", "", "T1003.004"),
        (r"HKLM\SAM\SAM\Domains\Account\Users", "V", "T1003.002"),
        (r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server", "fDenyTSConnections", "T1021.001"),
        (r"HKLM\SOFTWARE\Microsoft\SystemCertificates\Root\Certificates\AA", "Blob", "T1553.004"),
        (r"HKLM\SOFTWARE\Microsoft\Cryptography\OID\EncodingType 0", "x", "T1553.004"),
        (r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System", "EnableLUA", "T1548.002"),
        (r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System", "legalnoticetext", "T1112"),
    ] {
        let judgement = policy("").decide(&event(set(key, value)));
        let tags: Vec<&str> = judgement.attack.iter().map(|technique| technique.as_str()).collect();
        assert_eq!(
            (judgement.decision, tags.as_slice()),
            (Decision::Deny, [technique].as_slice()),
            "{key} :: {value}: {judgement:?}"
        );
        assert!(judgement.reason.contains(technique), "{}", judgement.reason);
    }
    assert!(policy("").decide(&event(set(r"HKCU\Software\X", "v"))).attack.is_empty());
}

#[test]
fn a_key_that_is_renamed_takes_what_lies_beneath_with_it() {
    let renamed = |key: &str, new_key: &str| {
        let judgement = policy("").decide(&event(RegistryRenameKey { key: key.to_owned(), new_key: new_key.to_owned() }.into()));
        (judgement.decision, !judgement.attack.is_empty())
    };
    let prepared = r"HKCU\Software\Microsoft\Windows\Prepared";
    assert_eq!(renamed(prepared, r"HKCU\Software\Microsoft\Windows\CurrentVersion"), (Decision::Deny, true));
    assert_eq!(renamed(r"HKLM\SYSTEM\CurrentControlSet", r"HKLM\SYSTEM\Other"), (Decision::Deny, true));
    assert_eq!(renamed(prepared, r"HKCU\Software\Microsoft\Windows\Elsewhere"), (Decision::Allow, false));
}

#[test]
fn a_rule_that_names_a_high_risk_path_lifts_it_and_the_decision_says_so() {
    let lifted = |pattern: &str, decision: &str| {
        let rules =
            format!("registry_rules:\n  - {{name: r, paths: ['{pattern}'], decision: {decision}, message: my updater}}\n");
        policy(&rules).decide(&event(set(r"HKU\S-1-5-21-7\Software\Microsoft\Windows\CurrentVersion\Run", "Updater")))
    };
    for pattern in [
        r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run",
        r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run\Updater",
        r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run*\**",
        r"HKU\S-1-5-21-7\Software\Microsoft\Windows\CurrentVersion\Run\*",
    ] {
        for (word, decision) in [("allow", Decision::Allow), ("audit", Decision::Audit)] {
            let judgement = lifted(pattern, word);
            assert_eq!((judgement.decision, judgement.rule.as_deref()), (decision, Some("r")), "{pattern}");
            assert_eq!(&*judgement.reason, "my updater; this lifts the built-in refusal of Run keys (T1547.001)");
            assert_eq!(judgement.attack.len(), 1, "the technique stays");
        }
    }
    // A wide rule was not written with the path in mind.
    for pattern in [r"HKCU\**", r"**\Run\*", r"HKCU\Software\Microsoft\**"] {
        let judgement = lifted(pattern, "allow");
        assert_eq!((judgement.decision, judgement.rule.as_deref()), (Decision::Deny, None), "{pattern}");
        assert!(judgement.reason.contains("under a rule that names it"), "{}", judgement.reason);
    }
    let refused = lifted(r"HKCU\**", "deny");
    assert_eq!((refused.decision, refused.rule.as_deref(), &*refused.reason), (Decision::Deny, Some("r"), "my updater"));
    assert_eq!(refused.attack.len(), 1);
}

#[test]
fn a_rule_that_names_a_value_lifts_what_is_said_of_that_value_only() {
    let rules = "registry_rules:\n  - {name: r, paths: ['HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Windows'], \
                 values: [AppInit_DLLs], decision: allow}\n";
    let key = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Windows";
    check(
        rules,
        &[(&format!("regset {key} :: AppInit_DLLs"), "allow r"), (&format!("regset {key} :: LoadAppInit_DLLs"), "deny default")],
    );
}

#[test]
fn what_is_judged_in_hindsight_keeps_its_verdict_and_was_not_enforced() {
    for (key, decision) in
        [(r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run", Decision::Deny), (r"HKCU\Software\X", Decision::Allow)]
    {
        let judged = policy("").decide(&event(set(key, "x")));
        assert!(judged.enforced, "{key}");
        let hindsight = judged.clone().in_hindsight();
        assert_eq!((hindsight.decision, hindsight.enforced), (decision, false), "{key}");
        assert_eq!((hindsight.rule, hindsight.reason, hindsight.attack), (judged.rule, judged.reason, judged.attack), "{key}");
    }
}

#[test]
fn a_pattern_that_could_never_match_is_refused_with_what_to_write() {
    for (pattern, says) in [
        (r"SOFTWARE\MyApp", "starts with `SOFTWARE`"),
        (r"HKML\SOFTWARE", "did you mean `HKLM`?"),
        (r"HKLM/SOFTWARE/MyApp", r"write `HKLM\SOFTWARE\MyApp`"),
        (r"HKLM\SOFTWARE\", r"write `HKLM\SOFTWARE` for the key itself"),
        (r"HKLM\SOFTWARE\My**", "only a part of a segment"),
        (r"HKLM\[a-", "does not close it"),
        (r"HKLM\{a,b", "opens a brace"),
        (r"HKLM\${NOTHING}", "has no value"),
        ("", "is empty"),
    ] {
        let text = format!("version: 1\nname: t\nregistry_rules:\n  - {{name: r, paths: ['{pattern}'], decision: deny}}\n");
        let error = Policy::parse_and_compile("t", &text, &variables()).unwrap_err();
        assert!(matches!(error.problem(), Problem::BadKey { .. }), "{error}");
        assert!(error.to_string().contains(says), "{pattern}: {error}");
    }
    let error = Policy::parse_and_compile(
        "t",
        "version: 1\nname: t\nregistry_rules:\n  - {name: r, paths: ['HKLM'], operations: [wirte], decision: deny}\n",
        &variables(),
    );
    assert!(error.unwrap_err().to_string().contains("did you mean `write`?"));
}

#[test]
fn variables_stand_for_themselves_and_braces_for_alternatives() {
    let rules = "registry_rules:\n  - {name: r, paths: ['{HKLM,HKCU}\\Software\\${APP:-My*App}\\[a-c]?'], decision: deny}\n";
    check(
        rules,
        &[
            (r"regopen HKLM\Software\My*App\b1", "deny r"),
            (r"regopen HKCU\Software\my*app\C1", "deny r"),
            (r"regopen HKCU\Software\MyOtherApp\b1", "allow default"),
            (r"regopen HKCU\Software\My*App\d1", "allow default"),
        ],
    );
}

#[test]
fn the_table_names_techniques_of_attack_v19_and_no_path_twice() {
    let paths: Vec<_> = high_risk_paths().collect();
    assert!(paths.len() > 50);
    let distinct: BTreeSet<_> = paths.iter().map(|path| fold_registry_key(path.path)).collect();
    assert_eq!(distinct.len(), paths.len());
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/registry/high_risk.tsv");
    let lines = std::fs::read_to_string(table).unwrap().lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(lines, paths.len(), "a line is malformed");
    let Ok(attack) = std::fs::read_to_string("/work/shared/data/attack/enterprise-v19.tsv") else {
        eprintln!("skipped: the techniques of ATT&CK: the shared data is not on this machine");
        return;
    };
    let known: BTreeSet<&str> = attack.lines().filter_map(|line| line.split('\t').next()).collect();
    let unknown: Vec<_> = paths.iter().filter(|path| !known.contains(path.technique)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(!known.contains("T1562.001"), "the data is of another version");
}

/// Segments that rules treat in a way of their own, and others.
fn key() -> impl Strategy<Value = String> {
    let roots = [
        "HKLM",
        "hkey_local_machine",
        "HKCU",
        "HKU",
        "HKCR",
        "HKCC",
        r"\REGISTRY\MACHINE",
        r"\REGISTRY\USER",
        r"\REGISTRY\A",
        "Computer\\HKLM",
        "HKLM:",
        "",
        "x",
    ];
    let known = [
        "SOFTWARE",
        "Wow6432Node",
        "Classes",
        "SYSTEM",
        "ControlSet001",
        "CurrentControlSet",
        "S-1-5-21-7",
        "S-1-5-21-7_Classes",
        "_Classes",
        "a_Classes_classes",
        "Run",
        "",
        "ſı",
        "Ä/b",
    ];
    let segment = prop_oneof![4 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => ".{0,6}"];
    (proptest::sample::select(roots.to_vec()), proptest::collection::vec(segment, 0..7))
        .prop_map(|(root, rest)| rest.iter().fold(root.to_owned(), |key, segment| format!(r"{key}\{segment}")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn folding_twice_is_folding_once(key in key()) {
        let once = fold_registry_key(&key);
        prop_assert_eq!(&fold_registry_key(&once), &once);
    }

    #[test]
    fn the_spelling_that_events_use_is_the_same_key(key in key()) {
        let spelt = registry_key(&key).into_owned();
        prop_assert_eq!(registry_key(&spelt).into_owned(), spelt.clone());
        prop_assert_eq!(fold_registry_key(&spelt), fold_registry_key(&key));
    }

    #[test]
    fn case_and_spelling_change_no_verdict(rest in proptest::collection::vec("[A-Za-zäöüÄÖÜ]{1,8}", 1..5), pattern in 0_usize..4) {
        let rest = rest.join(r"\");
        let spellings = [format!(r"HKLM\{rest}"), format!(r"\REGISTRY\MACHINE\{rest}"), format!(r"HKEY_LOCAL_MACHINE\{}", rest.to_lowercase()), format!(r"hklm\{}", rest.to_uppercase())];
        let policy = policy(&refusing(&format!("'{}'", spellings[pattern])));
        for key in &spellings {
            check_policy(&policy, &[(&format!("regopen {key}"), "deny r")]);
        }
    }

    #[test]
    fn no_key_and_no_pattern_panics(key in "\\PC{0,40}", value in "\\PC{0,10}", pattern in "[A-Z*?{},\\\\\\[\\]!/${}:a-z-]{0,20}") {
        let text = format!("version: 1\nname: t\nregistry_rules:\n  - name: r\n    paths:\n      - 'HKLM\\{}'\n    decision: deny\n", pattern.replace('\'', ""));
        if let Ok(policy) = Policy::parse_and_compile("t", &text, &variables()) {
            let _verdict = policy.decide(&event(set(&key, &value)));
        }
    }
}
