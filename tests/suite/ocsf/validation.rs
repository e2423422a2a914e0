//! Every kind fits the strict schema of its class, and what does not fit is refused.

use agentsh::encode::ocsf::{Class, to_json};
use agentsh::event::{
    ApprovalRequested, Decision, Detection, FileClose, FileOpen, Header, HttpRequest, HttpResponse, Kind, NetConnect,
    OperationFailed, OsText, PolicyDecision, ProcessExec, TechniqueId,
};
use serde_json::{Value, json};

use super::records::{bare, full, journaled, read_back};
use super::schemas::Schemas;

#[test]
fn every_kind_with_every_field_fits_the_schema_of_its_class() {
    let Some(schemas) = Schemas::load("every_kind_with_every_field_fits_the_schema_of_its_class") else { return };
    let mut classes = std::collections::BTreeSet::new();
    for event in full() {
        let record = to_json(&event);
        assert_eq!(schemas.errors(&record), Vec::<String>::new(), "{record:#}");
        classes.insert(record["class_uid"].as_u64().unwrap());
    }
    assert_eq!(classes, Class::ALL.iter().map(|class| u64::from(class.uid())).collect(), "each class is used");
}

#[test]
fn every_kind_with_nothing_but_what_it_must_have_fits_too() {
    let Some(schemas) = Schemas::load("every_kind_with_nothing_but_what_it_must_have_fits_too") else { return };
    for kind in Kind::ALL {
        let record = to_json(&bare(*kind));
        assert_eq!(schemas.errors(&record), Vec::<String>::new(), "{record:#}");
    }
}

#[test]
fn what_is_about_an_operation_has_its_class_for_every_kind_of_operation() {
    let schemas = Schemas::load("what_is_about_an_operation_has_its_class_for_every_kind_of_operation");
    for operation in Kind::ALL {
        for subject in [None, Some(""), Some("/a/b"), Some("host.test:443"), Some("[::1]:80"), Some("4711"), Some("HKLM\\A\\B")] {
            let subject = subject.map(str::to_owned);
            let decision = PolicyDecision { operation: *operation, subject: subject.clone(), ..PolicyDecision::default() };
            let request = ApprovalRequested { operation: *operation, subject: subject.clone(), ..ApprovalRequested::default() };
            let failure = OperationFailed { operation: *operation, subject, ..OperationFailed::default() };
            for event in [journaled(decision), journaled(request), journaled(failure)] {
                let record = to_json(&event);
                if let Some(schemas) = &schemas {
                    assert_eq!(schemas.errors(&record), Vec::<String>::new(), "{record:#}");
                }
                let own = to_json(&bare(*operation));
                if agentsh::encode::ocsf::class(*operation) != agentsh::encode::ocsf::Mapping::OfOperation
                    && own["class_uid"] != Class::Finding.uid()
                {
                    assert_eq!(record["class_uid"], own["class_uid"], "{operation:?}");
                }
            }
        }
    }
}

#[test]
fn the_validator_refuses_what_is_not_a_record() {
    let Some(schemas) = Schemas::load("the_validator_refuses_what_is_not_a_record") else { return };
    let good = to_json(&journaled(FileOpen { path: "/a".into(), ..FileOpen::default() }));
    assert_eq!(schemas.errors(&good), Vec::<String>::new());
    let changes: [(&str, Value); 9] = [
        ("/class_uid", json!(1_002)),
        ("/activity_id", json!(77)),
        ("/type_uid", json!(1_001)),
        ("/category_uid", json!(4)),
        ("/time", json!("now")),
        ("/severity_id", json!(12)),
        ("/file/type_id", json!(77)),
        ("/actor", json!({})),
        ("/metadata/product", json!({})),
    ];
    for (pointer, value) in changes {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        assert_ne!(schemas.errors(&bad), Vec::<String>::new(), "{pointer}");
    }
    for required in ["file", "actor", "device", "metadata", "time", "severity_id"] {
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().shift_remove(required);
        assert_ne!(schemas.errors(&bad), Vec::<String>::new(), "without {required}");
    }
    let mut bad = good;
    bad["file"]["colour"] = json!("red");
    assert_ne!(schemas.errors(&bad), Vec::<String>::new(), "an attribute that OCSF does not have");
}

#[test]
fn hostile_text_fits_and_comes_back_byte_for_byte() {
    let schemas = Schemas::load("hostile_text_fits_and_comes_back_byte_for_byte");
    let texts: [&[u8]; 9] = [
        b"",
        b"/",
        b"//",
        b"\xff\xfe/\xc3",
        b"/a\nb\r\t\x1b[31m\x7f",
        "/\u{202e}gpj.exe\u{0}".as_bytes(),
        b"C:\\Windows\\System32\\cmd.exe",
        b"\\",
        "/\u{1f600}/ \"'`${}<script>".as_bytes(),
    ];
    for bytes in texts {
        let path = OsText::from_bytes(bytes);
        let text = String::from_utf8_lossy(bytes).into_owned();
        let exec = ProcessExec {
            path: path.clone(),
            requested: path.clone(),
            argv: vec![path.clone(), path.clone()],
            ..ProcessExec::default()
        };
        let request = HttpRequest {
            method: text.clone(),
            host: text.clone(),
            path: text.clone(),
            headers: vec![Header { name: text.clone(), value: text.clone() }],
            ..HttpRequest::default()
        };
        let detection = Detection {
            rule_id: text.clone(),
            techniques: vec![TechniqueId::new(text.as_str()), TechniqueId::new(format!(".{text}."))],
            tactics: vec![text.clone()],
            ..Detection::default()
        };
        let close = FileClose { path: path.clone(), blake3: Some(text.clone()), ..FileClose::default() };
        for event in [journaled(exec), journaled(request), journaled(detection), journaled(close)] {
            let record = to_json(&event);
            if let Some(schemas) = &schemas {
                assert_eq!(schemas.errors(&record), Vec::<String>::new(), "{record:#}");
            }
            assert_eq!(read_back(&serde_json::from_str(&record.to_string()).unwrap()), event);
        }
    }
}

#[test]
fn a_refused_operation_says_so_in_the_words_of_security_control() {
    let decision = PolicyDecision {
        operation: Kind::NetConnect,
        subject: Some("evil.test:443".to_owned()),
        decision: Decision::Deny,
        rule: Some("no-evil".to_owned()),
        reason: "it is evil".to_owned(),
        policy_digest: "abc".to_owned(),
        redirect_to: None,
        ..PolicyDecision::default()
    };
    let record = to_json(&journaled(decision));
    assert_eq!(record["class_uid"], 4_001);
    assert_eq!(record["type_uid"], 400_101);
    assert_eq!(record["metadata"]["profiles"], json!(["host", "security_control"]));
    assert_eq!((&record["action_id"], &record["disposition_id"]), (&json!(2), &json!(2)));
    assert_eq!(record["dst_endpoint"], json!({"hostname": "evil.test", "port": 443}));
    assert_eq!(record["firewall_rule"]["name"], "no-evil");
    assert_eq!(record["authorizations"][0]["decision"], "deny");
    assert_eq!(record["policy"]["data"]["rule"], "no-evil");

    let operation = to_json(&journaled(NetConnect { host: Some("evil.test".to_owned()), port: 443, ..NetConnect::default() }));
    assert_eq!(operation["class_uid"], record["class_uid"]);
    assert!(operation.get("action_id").is_none(), "what it is and what was decided are two records");
    assert_eq!(operation["metadata"]["profiles"], json!(["host"]));
}

#[test]
fn what_would_have_been_decided_was_observed_and_not_applied() {
    let decision = PolicyDecision {
        operation: Kind::RegistrySetValue,
        decision: Decision::Deny,
        enforced: Some(false),
        ..PolicyDecision::default()
    };
    let (hindsight, refused) =
        (to_json(&journaled(decision.clone())), to_json(&journaled(PolicyDecision { enforced: None, ..decision })));
    assert_eq!((&hindsight["action"], &hindsight["policy"]["is_applied"]), (&json!("Observed"), &json!(false)));
    assert_eq!((&refused["action"], &refused["policy"]["is_applied"]), (&json!("Denied"), &json!(true)));
    assert_eq!(hindsight["authorizations"][0]["decision"], "deny");
}

#[test]
fn each_decision_has_a_disposition_of_its_own() {
    let dispositions: std::collections::BTreeSet<String> = Decision::ALL
        .iter()
        .map(|decision| to_json(&journaled(PolicyDecision { decision: *decision, ..PolicyDecision::default() })))
        .map(|record| record["disposition"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(dispositions.len(), Decision::ALL.len(), "{dispositions:?}");
}

#[test]
fn a_detection_names_its_techniques_once_and_their_sub_techniques() {
    let detection = Detection {
        rule_id: "r1".to_owned(),
        title: "Keys read".to_owned(),
        techniques: vec![TechniqueId::new("T1552.004"), TechniqueId::new("T1059")],
        tactics: vec!["TA0006".to_owned(), "credential-access".to_owned()],
        attack_version: Some("19".to_owned()),
        ..Detection::default()
    };
    let mut event = journaled(detection);
    event.event.attack = vec![TechniqueId::new("T1552.004"), TechniqueId::new("T1059")];
    let record = to_json(&event);
    let attacks = json!([
        {"technique": {"uid": "T1552"}, "sub_technique": {"uid": "T1552.004"}, "version": "19"},
        {"technique": {"uid": "T1059"}, "version": "19"},
        {"tactic": {"uid": "TA0006"}, "version": "19"},
        {"tactic": {"name": "credential-access"}, "version": "19"},
    ]);
    assert_eq!(record["class_uid"], 2_004);
    assert_eq!(record["attacks"], attacks);
    assert_eq!(record["finding_info"]["attacks"], attacks);
}

#[test]
fn a_response_is_tied_to_its_request_and_its_connection() {
    let request = journaled(HttpRequest { method: "GET".to_owned(), ..HttpRequest::default() });
    let mut response = journaled(HttpResponse { status: Some(404), ..HttpResponse::default() });
    response.event.cause = Some(request.event.id);
    let (request, response) = (to_json(&request), to_json(&response));
    assert_eq!(request["activity_name"], "Get");
    assert_eq!(request["http_request"]["uid"], response["http_request"]["uid"]);
    assert_eq!(response["http_response"]["code"], 404);

    let strange = to_json(&journaled(HttpRequest { method: "BREW".to_owned(), ..HttpRequest::default() }));
    assert_eq!((&strange["activity_id"], &strange["activity_name"]), (&json!(99), &json!("BREW")));
    assert!(strange["http_request"].get("http_method").is_none(), "OCSF lists the methods that may stand there");
}

#[test]
fn a_command_line_splits_into_the_same_arguments_again() {
    let argv = ["sh", "-c", "echo 'it''s'", "", "a b", "--x=$HOME"];
    let exec = ProcessExec { argv: argv.iter().map(|argument| (*argument).into()).collect(), ..ProcessExec::default() };
    let record = to_json(&journaled(exec));
    let line = record["process"]["cmd_line"].as_str().unwrap();
    assert_eq!(line, r"sh -c 'echo '\''it'\'''\''s'\''' '' 'a b' '--x=$HOME'");
    let split = std::process::Command::new("sh").args(["-c", &format!("printf '%s\\n' {line}")]).output().unwrap();
    assert_eq!(String::from_utf8(split.stdout).unwrap(), argv.join("\n") + "\n");
}
