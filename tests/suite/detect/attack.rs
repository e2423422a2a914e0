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
    assert_eq!(attack().asked("T1562.001"), ["T1685"]);
    assert_eq!(attack().asked("T1547.001"), ["T1547.001"]);
    let whole = attack().asked("T1562");
    for new in ["T1685", "T1686", "T1690"] {
        assert!(whole.contains(&new.to_owned()), "{whole:?}");
    }
    assert!(!whole.contains(&"T1562".to_owned()));
    assert!(attack().asked("T1070").contains(&"T1685.005".to_owned()), "what moved out of a technique that goes on");
}

#[test]
fn tags_of_v18_become_those_of_v19_and_unknown_ones_are_named() {
    let tags = ["attack.t1562.001", "attack.defense-evasion", "attack.g0032", "cve.2024-1", "attack.t9999", "attack.nonsense"];
    let tagged = tagged(&tags.map(str::to_owned));
    assert_eq!(tagged.techniques.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["T1685"]);
    assert_eq!(tagged.tactics, ["defense-impairment"]);
    assert_eq!(tagged.bad.iter().map(|bad| bad.tag()).collect::<Vec<_>>(), ["attack.t9999", "attack.nonsense"]);
}
