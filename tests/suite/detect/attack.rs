//! Tests: detect: ATT&CK's tables: every technique of v19, and what became of the ids that it retired.

use agentsh::detect::attack::{attack, tagged};

#[test]
fn every_technique_serves_tactics_of_the_matrix_and_every_retired_id_leads_to_one() {
    assert_eq!(attack().techniques().count(), 697);
    for technique in attack().techniques() {
        assert!(technique.tactics.iter().all(|tactic| attack().tactics().any(|known| known == *tactic)), "{technique:?}");
    }
    for (old, new) in [("T1562.001", "T1685"), ("T1562.004", "T1686"), ("T1070.001", "T1685.005"), ("t1547.001", "T1547.001")] {
        assert_eq!(attack().current(old).map(|technique| technique.id), Some(new), "{old}");
    }
    assert_eq!(attack().current("T9999"), None);
}

#[test]
fn a_question_for_a_retired_id_is_about_what_took_its_place() {
    assert_eq!(attack().asked("T1562.001").unwrap(), ["T1685"]);
    assert_eq!(attack().asked("T1547.001").unwrap(), ["T1547.001"]);
    let whole = attack().asked("T1562").unwrap();
    for new in ["T1685", "T1686", "T1690"] {
        assert!(whole.contains(&new.to_owned()), "{whole:?}");
    }
    assert!(!whole.contains(&"T1562".to_owned()));
    assert!(attack().asked("T1070").unwrap().contains(&"T1685.005".to_owned()), "what moved out of a technique that goes on");
}

#[test]
fn tags_of_v18_become_those_of_v19_and_unknown_ones_are_named() {
    let tags = ["attack.t1562.001", "attack.defense-evasion", "attack.g0032", "cve.2024-1", "attack.t9999", "attack.nonsense"];
    let tagged = tagged(&tags.map(str::to_owned));
    assert_eq!(tagged.techniques.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["T1685"]);
    assert_eq!(tagged.tactics, ["defense-impairment"]);
    assert_eq!(tagged.bad.iter().map(|bad| bad.tag()).collect::<Vec<_>>(), ["attack.t9999", "attack.nonsense"]);
}

#[test]
fn an_id_that_no_version_has_is_refused_with_the_one_that_was_probably_meant() {
    let near = |id: &str| attack().asked(id).unwrap_err().near.map(|(id, _)| id);
    for (wrong, meant) in [
        ("T1059.040", Some("T1059.004")), // two that changed places
        ("T1547.01", Some("T1547.001")),
        ("1059.001", Some("T1059.001")),
        ("T1059-1", Some("T1059.001")),
        ("t1059/001", Some("T1059.001")),
        ("T1053.999", Some("T1053")),  // no sub-technique of that number
        ("T1562.0011", Some("T1685")), // one that was retired, mistyped
        ("T9999", None),
        ("lateral", None),
        ("", None),
    ] {
        assert_eq!(near(wrong), meant, "{wrong}");
    }
    let said = attack().asked("T1059.01").unwrap_err().to_string();
    assert_eq!(
        said,
        "ATT&CK v19 has no technique T1059.01, and neither had v18; did you mean T1059.001 (Command and Scripting Interpreter: PowerShell)?"
    );
    // What every version has, and what only the last one or only the one before has, is none of that.
    for known in ["T1059", "T1059.001", "T1685", "T1562.001", " t1562.001 "] {
        assert!(attack().asked(known).is_ok(), "{known}");
    }
}

#[test]
fn a_tag_that_is_wrong_says_what_was_probably_meant() {
    let said = |tag: &str| tagged(&[tag.to_owned()]).bad.first().map(ToString::to_string).unwrap_or_default();
    assert!(
        said("attack.t1547.01")
            .ends_with("did you mean T1547.001 (Boot or Logon Autostart Execution: Registry Run Keys / Startup Folder)?")
    );
    assert_eq!(
        said("attack.persistance"),
        "`attack.persistance` names no tactic of ATT&CK v19; did you mean `attack.persistence`?"
    );
    assert_eq!(said("attack.nonsense"), "`attack.nonsense` names no tactic of ATT&CK v19");
    assert_eq!(said("attack.privilege_escalation"), "");
}
