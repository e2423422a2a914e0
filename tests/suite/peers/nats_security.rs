//! NATS over TLS and with every way to authenticate: what is right delivers, what is wrong stalls the sink with what to do.

use std::path::{Path, PathBuf};

use agentsh::runtime::units::Millis;
use agentsh::sink::Secret;
use agentsh::sink::nats::{NatsConfig, NatsSink};
use async_nats::ConnectOptions;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

use super::nats_server::NatsServer;
use crate::sinks::rig::*;
use crate::sinks::syslog::Certificates;
use crate::support::{has_program, until};

/// A journal, and a server with a configuration of its own.
struct Scene {
    scratch: tempfile::TempDir,
    server: NatsServer,
    journal: agentsh::journal::Journal,
}

impl Scene {
    fn set(configuration: &str) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("nats.conf");
        std::fs::write(&file, configuration).unwrap();
        let server = NatsServer::start(&scratch.path().join("nats"), &["-c", file.to_str().unwrap()]);
        let journal = journal(&scratch.path().join("data"), 20);
        Self { scratch, server, journal }
    }

    fn root(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    /// A file that only its owner reads.
    fn file(&self, name: &str, content: &str) -> Option<PathBuf> {
        let path = self.scratch.path().join(name);
        std::fs::write(&path, content).unwrap();
        Some(path)
    }

    fn config(&self) -> NatsConfig {
        NatsConfig {
            servers: vec![self.server.url()],
            create_stream: true,
            ack_timeout: Millis::new(2_000),
            connect_timeout: Millis::new(2_000),
            ..NatsConfig::default()
        }
    }

    /// Everything is delivered, and someone who may look sees it.
    #[track_caller]
    fn delivers(&self, name: &str, config: NatsConfig, looker: ConnectOptions) {
        let running = start(name, NatsSink::new(config), delivery(&self.root(), &Reports::default()));
        caught_up(&self.root(), name);
        assert!(running.end());
        let ids: Vec<String> = self.server.messages_as(looker, "AGENTSH").into_iter().map(|(_, id, _)| id).collect();
        assert_eq!(ids, recorded(&self.root()).into_iter().map(|(_, id)| id).collect::<Vec<_>>(), "{name}");
    }

    /// Nothing is, and the stall says why.
    #[track_caller]
    fn stalls(&self, name: &str, config: NatsConfig, expected: &str) {
        let reports = Reports::default();
        let running = start(name, NatsSink::new(config), delivery(&self.root(), &reports));
        until("the stall is told", || !reports.stalls().is_empty());
        assert!(reports.stalls()[0].contains(expected), "{name}: {:?}", reports.stalls());
        assert!(running.end(), "{name}: it ends when it is told to");
        assert_eq!(cursor(&self.root(), name), 0);
    }

    fn end(self) {
        self.journal.close().unwrap();
    }
}

#[test]
fn events_arrive_over_tls_with_an_authority_of_ones_own_and_a_client_certificate() {
    if !has_program("nats-server", "nats: events_arrive_over_tls") {
        return;
    }
    for verify in [false, true] {
        let certificates = Certificates::make(verify);
        let path = |name: &str| certificates.file(name).unwrap();
        let tls = format!(
            "tls {{ cert_file: '{}', key_file: '{}', ca_file: '{}', verify: {verify} }}\n",
            path("server.pem").display(),
            path("server.key").display(),
            path("ca.pem").display()
        );
        let scene = Scene::set(&tls);
        let looker = ConnectOptions::new().add_root_certificates(path("ca.pem"));
        let looker = looker.add_client_certificate(path("client.pem"), path("client.key")).require_tls(true);
        let trusting = NatsConfig { tls: true, ca_file: Some(path("ca.pem")), ..scene.config() };
        let right = if verify {
            NatsConfig { cert_file: Some(path("client.pem")), key_file: Some(path("client.key")), ..trusting.clone() }
        } else {
            trusting.clone()
        };
        if verify {
            scene.stalls("nameless", trusting.clone(), "ertificate");
            let half = NatsConfig { cert_file: Some(path("client.pem")), ..trusting.clone() };
            scene.stalls("half", half, "sinks.nats.cert_file and sinks.nats.key_file belong together");
        }
        scene.stalls("distrusting", NatsConfig { ca_file: None, ..trusting.clone() }, "UnknownIssuer");
        let other = Certificates::make(false);
        scene.stalls("misled", NatsConfig { ca_file: other.file("ca.pem"), ..right.clone() }, "certificate");
        let missing = NatsConfig { ca_file: Some(path("no-such.pem")), ..right.clone() };
        scene.stalls("missing", missing, "No such file");
        scene.delivers("right", right, looker);
        scene.end();
    }
}

#[test]
fn a_server_without_tls_is_refused_where_tls_is_demanded() {
    if !has_program("nats-server", "a_server_without_tls_is_refused") {
        return;
    }
    let scene = Scene::set("");
    scene.stalls("nats", NatsConfig { tls: true, ..scene.config() }, "this server does not speak TLS");
    scene.end();
}

#[test]
fn a_user_with_a_password_delivers_and_a_wrong_one_stalls() {
    if !has_program("nats-server", "a_user_with_a_password_delivers") {
        return;
    }
    let scene = Scene::set("authorization { user: recorder, password: 'right horse' }\n");
    let as_user = |password: Option<&str>, file: Option<PathBuf>| NatsConfig {
        user: Some("recorder".to_owned()),
        password: password.map(Secret::new),
        password_file: file,
        ..scene.config()
    };
    scene.stalls("wrong", as_user(Some("wrong horse"), None), "authorization violation");
    scene.stalls("none", scene.config(), "sinks.nats.token, user, nkey_file and credentials_file");
    scene.stalls("half", as_user(None, None), "sinks.nats.user needs sinks.nats.password");
    scene.stalls("missing", as_user(None, Some("/no/such/file".into())), "/no/such/file");
    let looker = || ConnectOptions::with_user_and_password("recorder".to_owned(), "right horse".to_owned());
    scene.delivers("right", as_user(Some("right horse"), None), looker());
    scene.delivers("filed", as_user(None, scene.file("password", "right horse\n")), looker());
    scene.end();
}

#[test]
fn an_nkey_delivers_and_a_strangers_or_a_broken_one_stalls() {
    if !has_program("nats-server", "an_nkey_delivers") {
        return;
    }
    let (user, stranger) = (KeyPair::new_user(), KeyPair::new_user());
    let scene = Scene::set(&format!("authorization {{ users: [ {{ nkey: {} }} ] }}\n", user.public_key()));
    let seed = user.seed().unwrap();
    let with = |name: &str, content: &str| NatsConfig { nkey_file: scene.file(name, content), ..scene.config() };
    scene.stalls("stranger", with("stranger", &stranger.seed().unwrap()), "authorization violation");
    scene.stalls("broken", with("broken", "SUAnotakey"), "sinks.nats.nkey_file");
    scene.stalls("missing", NatsConfig { nkey_file: Some("/no/such/seed".into()), ..scene.config() }, "/no/such/seed");
    scene.delivers("right", with("right", &format!("{seed}\n")), ConnectOptions::with_nkey(seed));
    scene.end();
}

/// A JWT as `nsc` writes it (NATS, "JWTs" of decentralized authentication): EdDSA over header and claims.
fn jwt(issuer: &KeyPair, subject: &KeyPair, name: &str, expires: Option<u64>, nats: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let mut claims = json!({
        "jti": name, "iat": 1_700_000_000, "iss": issuer.public_key(), "sub": subject.public_key(), "name": name, "nats": nats,
    });
    if let Some(expires) = expires {
        claims["exp"] = expires.into();
    }
    let signed = format!("{}.{}", part(&json!({ "typ": "JWT", "alg": "ed25519-nkey" })), part(&claims));
    let signature = issuer.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

/// A credentials file: a user's token and seed.
fn credentials(jwt: &str, user: &KeyPair) -> String {
    format!(
        "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        user.seed().unwrap()
    )
}

#[test]
fn a_credentials_file_delivers_and_an_expired_or_a_strangers_one_stalls() {
    if !has_program("nats-server", "a_credentials_file_delivers") {
        return;
    }
    let operator = KeyPair::new_operator();
    let (system, account, stranger) = (KeyPair::new_account(), KeyPair::new_account(), KeyPair::new_account());
    let user = KeyPair::new_user();
    let limits = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
        "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
    });
    let account_claims = json!({ "limits": limits, "type": "account", "version": 2 });
    let bare = json!({
        "limits": { "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1 },
        "type": "account", "version": 2,
    });
    let operator_jwt = jwt(&operator, &operator, "operator", None, &json!({ "type": "operator", "version": 2 }));
    let scene = Scene::set(&format!(
        "operator: {operator_jwt}\nsystem_account: {system}\nresolver: MEMORY\n\
         resolver_preload: {{ {account}: {}, {system}: {} }}\n",
        jwt(&operator, &account, "account", None, &account_claims),
        jwt(&operator, &system, "system", None, &bare),
        account = account.public_key(),
        system = system.public_key(),
    ));
    let claims = json!({ "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2 });
    let of = |issuer: &KeyPair, expires| credentials(&jwt(issuer, &user, "user", expires, &claims), &user);
    let right = of(&account, None);
    let with = |name: &str, content: &str| NatsConfig { credentials_file: scene.file(name, content), ..scene.config() };
    scene.stalls("stranger", with("stranger", &of(&stranger, None)), "authorization violation");
    scene.stalls("expired", with("expired", &of(&account, Some(1_700_000_001))), "authorization violation");
    scene.stalls("broken", with("broken", "no credentials"), "sinks.nats.credentials_file holds no credentials");
    scene.delivers("right", with("right", &right), ConnectOptions::with_credentials(&right).unwrap());
    scene.end();
}

/// Files are read anew for each connection, so that a secret that is changed needs no restart.
#[test]
fn a_password_that_is_changed_in_its_file_is_used_at_the_next_attempt() {
    if !has_program("nats-server", "a_password_that_is_changed_in_its_file") {
        return;
    }
    let scene = Scene::set("authorization { user: recorder, password: second }\n");
    let file = scene.file("password", "first");
    let config = NatsConfig { user: Some("recorder".to_owned()), password_file: file.clone(), ..scene.config() };
    let reports = Reports::default();
    let running = start("nats", NatsSink::new(config), delivery(&scene.root(), &reports));
    until("the stall is told", || !reports.stalls().is_empty());
    replace(&file.unwrap(), "second");
    caught_up(&scene.root(), "nats");
    until("the recovery is told", || reports.recoveries() == 1);
    assert!(running.end());
    scene.end();
}

fn replace(path: &Path, content: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, content).unwrap();
    std::fs::rename(new, path).unwrap();
}
