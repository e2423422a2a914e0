//! Signing in from a browser: what the cookie is good for, what it is not, and when it ends.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use agentsh::runtime::ids;
use agentsh::serve::auth::{ApiKey, Attempts, KeyFile, Keys, LIFETIME, Role, SignIns};
use serde_json::json;
use tempfile::TempDir;

use super::rig::{Answer, Served, journal, serve, serve_with, tell};
use crate::grpc::rig::make_key;
use crate::support::until;

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// A server that asks for keys, its file of keys, and the keys of an operator and of an auditor.
fn server() -> (TempDir, Served, KeyFile, String, String) {
    let (folder, journal) = journal();
    journal.close().unwrap();
    let file = KeyFile::at(folder.path().join("keys.json"));
    let operator = make_key(&file, "olga", &[Role::Operator], None);
    let auditor = make_key(&file, "anton", &[Role::Auditor], None);
    let served = serve_with(folder.path(), Keys::open(file.clone()).unwrap());
    (folder, served, file, operator, auditor)
}

fn sign_in(served: &Served, key: &str) -> Answer {
    tell(served.addr, "POST", "/api/v1/login", &[JSON], &json!({ "key": key }).to_string())
}

/// What a browser sends back of `Set-Cookie`.
fn cookie(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

#[test]
fn a_cookie_stands_for_the_key_that_it_was_given_for() {
    let (_folder, served, _, _, auditor) = server();
    let signed_in = sign_in(&served, &auditor);
    let me = json!({"name": "anton", "roles": ["auditor"], "keys_required": true});
    assert_eq!(signed_in.json(), me);
    let set = signed_in.header("set-cookie").unwrap();
    assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200"), "{set}");
    assert!(!set.contains(&auditor), "the cookie is not the key");
    let cookie = cookie(&signed_in);
    let noise = format!("theme=dark; agentsh_session=of-another-port; {cookie}");
    for cookie in [cookie.as_str(), &noise] {
        let answer = served.ask("GET", "/api/v1/me", &[("Cookie", cookie)]);
        assert_eq!((answer.status, answer.json()), (200, me.clone()));
    }
    assert_eq!(served.ask("GET", "/api/v1/events", &[("Cookie", &cookie)]).status, 200);
    // An auditor runs nothing, with a cookie either.
    let own = [("Cookie", cookie.as_str()), ("x-agentsh-request", "1"), JSON];
    assert_eq!(tell(served.addr, "POST", "/api/v1/sessions", &own, "{}").status, 403);
    served.stop();
}

#[test]
fn a_page_that_is_not_ours_changes_nothing_with_the_cookie_that_the_browser_adds() {
    let (_folder, served, _, operator, _) = server();
    let cookie = cookie(&sign_in(&served, &operator));
    let out = |more: &[(&str, &str)]| {
        let headers: Vec<_> = [("Cookie", cookie.as_str())].iter().chain(more).copied().collect();
        served.ask("POST", "/api/v1/logout", &headers).status
    };
    let other_port = "http://localhost:3000";
    for forged in [&[][..], &[("Origin", other_port)], &[("Origin", "null")], &[("x-agentsh-request", "0")]] {
        assert_eq!(out(forged), 403, "{forged:?}");
    }
    assert_eq!(
        served.ask("GET", "/api/v1/me", &[("Cookie", &cookie), ("Origin", other_port)]).status,
        200,
        "reading changes nothing"
    );
    assert_eq!(out(&[("Origin", "http://localhost")]), 204, "the origin is the host");
    let second = self::cookie(&sign_in(&served, &operator));
    let own = [("Cookie", second.as_str()), ("x-agentsh-request", "1")];
    assert_eq!(served.ask("POST", "/api/v1/logout", &own).status, 204);
    served.stop();
}

#[test]
fn who_signs_out_is_out_and_the_others_stay() {
    let (_folder, served, _, operator, _) = server();
    let (here, there) = (cookie(&sign_in(&served, &operator)), cookie(&sign_in(&served, &operator)));
    let out = served.ask("POST", "/api/v1/logout", &[("Cookie", &here), ("x-agentsh-request", "1")]);
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").unwrap().contains("agentsh_session=; ") && out.head.contains("Max-Age=0"), "{}", out.head);
    let after = served.ask("GET", "/api/v1/me", &[("Cookie", &here)]);
    assert_eq!(after.status, 401);
    assert!(after.text().contains("signed out"), "{}", after.text());
    assert_eq!(served.ask("GET", "/api/v1/me", &[("Cookie", &there)]).status, 200);
    // A key that is shown counts, whatever the cookie is.
    assert_eq!(served.ask("GET", "/api/v1/me", &[("Cookie", &here), ("x-api-key", &operator)]).status, 200);
    served.stop();
}

#[test]
fn a_key_that_is_revoked_ends_its_cookies() {
    let (_folder, served, file, operator, auditor) = server();
    let (gone, stays) = (cookie(&sign_in(&served, &operator)), cookie(&sign_in(&served, &auditor)));
    let status = |cookie: &str| served.ask("GET", "/api/v1/events", &[("Cookie", cookie)]).status;
    assert_eq!((status(&gone), status(&stays)), (200, 200));
    file.revoke("olga").unwrap();
    until("the cookie of the revoked key is refused", || status(&gone) == 401);
    assert_eq!(status(&stays), 200);
    assert_eq!(sign_in(&served, &operator).status, 401);
    served.stop();
}

#[test]
fn behind_tls_the_cookie_is_for_tls_alone() {
    let (_folder, served, _, operator, _) = server();
    let body = json!({ "key": operator }).to_string();
    for (header, value, secure) in [
        ("X-Forwarded-Proto", "https", true),
        ("X-Forwarded-Proto", "http", false),
        ("Origin", "https://localhost", true),
        ("Origin", "http://localhost", false),
    ] {
        let answer = tell(served.addr, "POST", "/api/v1/login", &[JSON, (header, value)], &body);
        assert_eq!(answer.header("set-cookie").unwrap().ends_with("; Secure"), secure, "{header}: {value}");
    }
    served.stop();
}

#[test]
fn what_is_no_key_signs_nobody_in_and_ten_times_is_enough() {
    let (_folder, served, _, operator, _) = server();
    let login = |headers: &[(&str, &str)], body: &str| tell(served.addr, "POST", "/api/v1/login", headers, body);
    assert_eq!(login(&[], r#"{"key":"x"}"#).status, 415);
    for body in ["", "{", "{}", r#"{"key":1}"#, r#"{"key":"x","more":1}"#] {
        assert_eq!(login(&[JSON], body).status, 400, "{body}");
    }
    assert_eq!(served.ask("GET", "/api/v1/login", &[]).status, 405);
    for attempt in 0..10 {
        let refused = sign_in(&served, &ApiKey::new(ids::random()).reveal());
        assert_eq!((refused.status, refused.header("set-cookie")), (401, None), "{attempt}");
    }
    let refused = sign_in(&served, &operator);
    assert_eq!(refused.status, 429, "{}", refused.text());
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    // The key itself is good as ever.
    assert_eq!(served.ask("GET", "/api/v1/me", &[("x-api-key", &operator)]).status, 200);
    served.stop();
}

#[test]
fn where_nobody_is_asked_for_a_key_a_cookie_is_no_hindrance() {
    let (folder, journal) = journal();
    journal.close().unwrap();
    let served = serve(folder.path());
    let me = served.ask("GET", "/api/v1/me", &[("Cookie", "agentsh_session=old")]);
    assert_eq!((me.status, me.json()["name"].clone(), me.json()["keys_required"].clone()), (200, json!("local"), json!(false)));
    served.stop();
}

#[test]
fn a_sign_in_ends_after_its_time_and_too_many_end_the_oldest_of_their_key_first() {
    let (sign_ins, start) = (SignIns::default(), Instant::now());
    let proof = || ApiKey::new(ids::random()).proof();
    let (busy, quiet) = (proof(), proof());
    let of_quiet = sign_ins.begin(quiet.clone(), start);
    let of_busy: Vec<String> = (1..=33).map(|second| sign_ins.begin(busy.clone(), start + Duration::from_secs(second))).collect();
    let now = start + Duration::from_secs(60);
    assert_eq!(sign_ins.find(&of_busy[0], now), None, "the oldest of the busy key made room");
    assert_eq!(sign_ins.find(&of_busy[1], now), Some(busy));
    assert_eq!(sign_ins.find(&of_quiet, now), Some(quiet), "another key's is none of its business");
    assert!(sign_ins.find(&of_quiet, start + LIFETIME - Duration::from_secs(1)).is_some());
    assert_eq!(sign_ins.find(&of_quiet, start + LIFETIME), None);
    // The table is bounded for all keys together.
    let last = (0..1024).map(|_| sign_ins.begin(proof(), now)).last().unwrap();
    assert!(sign_ins.find(&last, now).is_some() && sign_ins.find(&of_quiet, now).is_none());
}

#[test]
fn failures_count_by_address_and_are_forgotten_after_a_minute() {
    let (attempts, start) = (Attempts::default(), Instant::now());
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    for _ in 0..10 {
        assert!(attempts.may_try(address("192.0.2.1"), start).is_ok());
        attempts.failed(address("192.0.2.1"), start);
        attempts.failed(address("2001:db8::1"), start);
    }
    let soon = start + Duration::from_secs(59);
    assert_eq!(attempts.may_try(address("192.0.2.1"), soon).unwrap_err().wait, Duration::from_secs(1));
    assert!(attempts.may_try(address("::ffff:192.0.2.1"), soon).is_err(), "the same address in another form");
    assert!(attempts.may_try(address("2001:db8::ffff"), soon).is_err(), "the same network");
    assert!(attempts.may_try(address("2001:db8:0:1::1"), soon).is_ok());
    assert!(attempts.may_try(address("192.0.2.2"), soon).is_ok());
    assert!(attempts.may_try(address("192.0.2.1"), start + Duration::from_secs(60)).is_ok());
}
