//! Keys: on the command line, in their file, and in a server that runs.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use agentsh::event::Timestamp;
use agentsh::runtime::clock;
use agentsh::serve::auth::{Access, ApiKey, Credentials, KeyFile, Keys, Peer, Role, Roles, Unauthorized};
use serde_json::Value;

use super::rig::make_key;
use crate::support::until;

fn agentsh(data_dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agentsh"));
    command.env_clear().env("HOME", data_dir).arg("--data-dir").arg(data_dir).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn local() -> Peer {
    Peer { addr: ([127, 0, 0, 1], 4_000).into(), certificate: Vec::new() }
}

fn admit(keys: &Keys, access: Access, key: Option<&str>) -> Result<String, Unauthorized> {
    let peer = local();
    let shown = Credentials { peer: &peer, api_key: key.map(str::as_bytes) };
    keys.admit(access, &shown, clock::now()).map(|identity| identity.name)
}

const READ: Access = Access::Role(Roles::of(&[Role::Auditor]));

#[test]
fn a_key_is_shown_once_and_kept_as_a_digest_only() {
    let data = tempfile::tempdir().unwrap();
    let made = agentsh(data.path(), &["keys", "create", "--name", "alice", "--role", "operator", "--role", "auditor"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let key = text(&made.stdout).trim().to_owned();
    let parsed = ApiKey::parse(key.as_bytes()).unwrap();
    let path = data.path().join("keys/api.json");
    let kept = std::fs::read_to_string(&path).unwrap();
    let secret = key.rsplit_once('_').unwrap().1;
    assert!(!kept.contains(secret) && kept.contains(&parsed.digest()) && kept.contains(parsed.id()), "{kept}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let listed = text(&agentsh(data.path(), &["keys", "list"]).stdout);
    assert!(listed.contains("alice") && listed.contains("auditor, operator") && listed.contains("never"), "{listed}");
    assert!(!listed.contains(secret) && !listed.contains(&parsed.digest()), "{listed}");
    let json: Value = serde_json::from_slice(&agentsh(data.path(), &["keys", "list", "--json"]).stdout).unwrap();
    assert_eq!(json["keys"][0]["name"], "alice");
    assert!(json["keys"][0].get("sha256").is_none());

    let revoked = agentsh(data.path(), &["keys", "revoke", "alice"]);
    assert!(text(&revoked.stdout).starts_with("revoked alice"));
    let again = agentsh(data.path(), &["keys", "revoke", "alice"]);
    assert_eq!(again.status.code(), Some(125));
    assert!(text(&again.stderr).contains("there is no key `alice`"));
}

#[test]
fn what_cannot_be_a_key_is_refused_with_what_to_do() {
    let data = tempfile::tempdir().unwrap();
    for (arguments, reason) in [
        (&["--name", "Bob", "--role", "admin"][..], "cannot name a key"),
        (&["--name", "a/b", "--role", "sensor"], "cannot name a key"),
        (&["--name", "bob", "--role", "king"], "the roles are admin, auditor, operator, approver, sensor"),
        (&["--name", "bob"], "--role"),
        (&["--name", "bob", "--role", "admin", "--expires", "soon"], "`soon` is not a time such as `30d`"),
        (&["--name", "bob", "--role", "admin", "--expires", "0d"], "`0d` is not a time"),
    ] {
        let refused = agentsh(data.path(), &[&["keys", "create"], arguments].concat());
        assert_eq!(refused.status.code(), Some(125), "{arguments:?}");
        assert!(text(&refused.stderr).contains(reason), "{arguments:?}: {}", text(&refused.stderr));
    }
    assert!(!data.path().join("keys/api.json").exists());
    // One name may have two keys while one replaces the other, but not two meanings.
    assert!(agentsh(data.path(), &["keys", "create", "--name", "bob", "--role", "admin"]).status.success());
    assert!(agentsh(data.path(), &["keys", "create", "--name", "bob", "--role", "admin"]).status.success());
    let other = agentsh(data.path(), &["keys", "create", "--name", "bob", "--role", "sensor"]);
    assert!(text(&other.stderr).contains("`bob` has the role admin already"), "{}", text(&other.stderr));
}

#[test]
fn a_file_that_others_can_read_or_that_is_damaged_is_not_used() {
    let data = tempfile::tempdir().unwrap();
    let file = KeyFile::at(data.path().join("keys.json"));
    make_key(&file, "alice", &[Role::Admin], None);
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let Err(error) = Keys::open(file.clone()) else { panic!("a file that is open to others was used") };
    assert!(error.to_string().contains("(mode 644): chmod 600"), "{error}");
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(file.path(), "{").unwrap();
    let Err(error) = Keys::open(file) else { panic!("a damaged file was used") };
    assert!(error.to_string().contains("is not a file of keys"), "{error}");
}

#[test]
fn without_a_file_anybody_here_is_let_in_and_from_the_first_key_on_nobody_without_one() {
    let data = tempfile::tempdir().unwrap();
    let file = KeyFile::at(data.path().join("keys.json"));
    let keys = Keys::open(file.clone()).unwrap();
    assert!(!keys.are_required());
    assert_eq!(admit(&keys, READ, None), Ok("local".to_owned()));
    // A sensor's name becomes part of the record: nobody is one without a key.
    assert_eq!(admit(&keys, Access::Named(Roles::of(&[Role::Sensor])), None), Err(Unauthorized::NoKey));
    assert_eq!(admit(&keys, READ, Some("agentsh_x")), Err(Unauthorized::UnknownKey));

    let key = make_key(&file, "alice", &[Role::Auditor], None);
    until("the new key is asked for", || admit(&keys, READ, None) == Err(Unauthorized::NoKey));
    assert_eq!(admit(&keys, READ, Some(&key)), Ok("alice".to_owned()));
    assert_eq!(admit(&keys, Access::Public, None), Ok(String::new()));

    file.revoke("alice").unwrap();
    until("the revoked key is refused", || admit(&keys, READ, Some(&key)) == Err(Unauthorized::UnknownKey));
    assert!(keys.are_required(), "an empty file lets nobody in");
    make_key(&file, "bob", &[Role::Auditor], None);
    std::fs::remove_file(file.path()).unwrap();
    until("a file that vanished lets nobody in", || keys.are_required() && admit(&keys, READ, None).is_err());
}

#[test]
fn a_key_that_is_wrong_in_one_place_or_has_expired_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let file = KeyFile::at(data.path().join("keys.json"));
    let key = make_key(&file, "alice", &[Role::Auditor], None);
    let past = Timestamp::from_micros(clock::now().as_micros() - 1);
    let old = make_key(&file, "old", &[Role::Admin], Some(past));
    let keys = Keys::open(file).unwrap();
    assert_eq!(admit(&keys, READ, Some(&key)), Ok("alice".to_owned()));
    for at in [8, 20, key.len() - 1] {
        let mut wrong = key.clone().into_bytes();
        wrong[at] = if wrong[at] == b'0' { b'1' } else { b'0' };
        assert_eq!(admit(&keys, READ, Some(std::str::from_utf8(&wrong).unwrap())), Err(Unauthorized::UnknownKey), "{at}");
    }
    for wrong in ["", "agentsh_", &key[..key.len() - 1], &format!("{key}0"), &key.to_uppercase()] {
        assert_eq!(admit(&keys, READ, Some(wrong)), Err(Unauthorized::UnknownKey), "{wrong}");
    }
    assert_eq!(admit(&keys, READ, Some(&old)), Err(Unauthorized::Expired { name: "old".to_owned() }));
}

#[test]
fn metrics_are_open_on_this_machine_and_take_a_key_from_another() {
    let data = tempfile::tempdir().unwrap();
    let file = KeyFile::at(data.path().join("keys.json"));
    let key = make_key(&file, "scraper", &[Role::Auditor], None);
    let keys = Keys::open(file).unwrap();
    let access = agentsh::serve::auth::route_access("GET", "/metrics").unwrap();
    assert!(admit(&keys, access, None).is_ok());
    let remote = Peer { addr: ([192, 0, 2, 1], 4_000).into(), certificate: Vec::new() };
    let admit = |key: Option<&str>| {
        keys.admit(access, &Credentials { peer: &remote, api_key: key.map(str::as_bytes) }, clock::now()).map(|found| found.name)
    };
    assert_eq!(admit(None), Err(Unauthorized::NoKey));
    assert_eq!(admit(Some(&key)), Ok("scraper".to_owned()));
}
