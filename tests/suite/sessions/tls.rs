//! The command line over gRPC with TLS: whom it trusts, by which name, which certificate it shows, and what it says when that does not fit.

use std::path::{Path, PathBuf};
use std::process::Output;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::rig::Server;
use crate::run::support::text;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Files `NAME.pem` and `NAME.key` of a certificate for these hosts.
    fn sign(&self, folder: &Path, name: &str, hosts: &[&str]) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let certificate = CertificateParams::new(hosts).unwrap().signed_by(&key, &self.0).unwrap();
        (put(folder, &format!("{name}.pem"), &certificate.pem()), put(folder, &format!("{name}.key"), &key.serialize_pem()))
    }
}

fn put(folder: &Path, name: &str, content: &str) -> String {
    let path: PathBuf = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path.display().to_string()
}

const CA: &str = "AGENTSH_CLIENT__TLS__CA_FILE";
const CERT: &str = "AGENTSH_CLIENT__TLS__CERT_FILE";
const KEY: &str = "AGENTSH_CLIENT__TLS__KEY_FILE";
const NAME: &str = "AGENTSH_CLIENT__TLS__SERVER_NAME";
const ENABLED: &str = "AGENTSH_CLIENT__TLS__ENABLED";

fn ask(server: &Server, arguments: &[&str], rest: &[&str], tls: &[(&str, &str)]) -> Output {
    server.cli("grpc", arguments, rest).envs(tls.iter().copied()).output().unwrap()
}

/// Expects a refusal, on one line, that says these things.
fn check(server: &Server, tls: &[(&str, &str)], says: &[&str]) {
    let output = ask(server, &["session", "list"], &[], tls);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{tls:?}: {said}");
    assert!(says.iter().all(|part| said.contains(part)) && said.lines().count() == 1, "{tls:?}: {said}");
}

#[test]
fn commands_run_over_tls_and_a_wrong_authority_or_name_is_said_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, stranger) = (Authority::new("own"), Authority::new("stranger"));
    let (cert, key) = authority.sign(folder.path(), "server", &["agentsh.test"]);
    let ca = put(folder.path(), "ca.pem", &authority.0.pem());
    let other = put(folder.path(), "other.pem", &stranger.0.pem());
    let server = Server::start_with(&[("AGENTSH_SERVER__GRPC__TLS__CERT", &cert), ("AGENTSH_SERVER__GRPC__TLS__KEY", &key)]);
    let tls = [(CA, ca.as_str()), (NAME, "agentsh.test")];

    let created = ask(&server, &["session", "create"], &[], &tls);
    assert!(created.status.success(), "{}", text(&created.stderr));
    let session = text(&created.stdout).trim().to_owned();
    let ran = ask(&server, &["exec"], &[&session, "--", "sh", "-c", "echo out; echo err >&2; exit 7"], &tls);
    assert_eq!((ran.status.code(), text(&ran.stdout).as_str(), text(&ran.stderr).as_str()), (Some(7), "out\n", "err\n"));
    // The server's own configuration says that it speaks TLS, and so does who asks with the same one.
    let same = [("AGENTSH_SERVER__GRPC__TLS__CERT", cert.as_str()), ("AGENTSH_SERVER__GRPC__TLS__KEY", key.as_str())];
    let said = text(&ask(&server, &["session", "list"], &[], &same).stderr);
    assert!(said.contains("set client.tls.ca_file"), "{said}");
    assert!(ask(&server, &["session", "end"], &[&session], &tls).status.success());

    check(
        &server,
        &[(CA, &other), (NAME, "agentsh.test")],
        &["no TLS connection with 127.0.0.1:", "UnknownIssuer", "set client.tls.ca_file"],
    );
    check(&server, &[(CA, &ca)], &["not valid for name", "agentsh.test", "client.tls.server_name"]);
    check(&server, &[(CA, "/nowhere/ca.pem")], &["client.tls.ca_file: /nowhere/ca.pem: No such file"]);
    check(&server, &[(CA, &ca), (CERT, &cert)], &["client.tls.cert_file needs client.tls.key_file"]);
    let empty = put(folder.path(), "empty.pem", "nothing\n");
    check(&server, &[(CA, &empty), (NAME, "agentsh.test")], &["client.tls"]);
    // Clear text to a server that speaks TLS, and TLS to one that does not.
    check(&server, &[(ENABLED, "false")], &["client.tls"]);
    let plain = Server::start();
    check(&plain, &tls, &["it speaks no TLS there", "client.tls.enabled: false"]);
}

#[test]
fn a_server_that_asks_for_a_certificate_is_shown_the_one_that_is_configured() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, stranger) = (Authority::new("own"), Authority::new("stranger"));
    let (cert, key) = authority.sign(folder.path(), "server", &["127.0.0.1"]);
    let (mine, my_key) = authority.sign(folder.path(), "client", &["client.test"]);
    let (theirs, their_key) = stranger.sign(folder.path(), "stranger", &["client.test"]);
    let ca = put(folder.path(), "ca.pem", &authority.0.pem());
    let server = Server::start_with(&[
        ("AGENTSH_SERVER__GRPC__TLS__CERT", &cert),
        ("AGENTSH_SERVER__GRPC__TLS__KEY", &key),
        ("AGENTSH_SERVER__GRPC__TLS__CLIENT_CA", &ca),
    ]);
    let listed = ask(&server, &["session", "list", "--json"], &[], &[(CA, &ca), (CERT, &mine), (KEY, &my_key)]);
    assert_eq!((listed.status.code(), text(&listed.stdout).as_str()), (Some(0), "[]\n"), "{}", text(&listed.stderr));
    check(&server, &[(CA, &ca)], &["set client.tls.cert_file and client.tls.key_file"]);
    check(&server, &[(CA, &ca), (CERT, &theirs), (KEY, &their_key)], &["not accept the certificate of client.tls.cert_file"]);
    check(&server, &[(CA, &ca), (CERT, &mine), (KEY, &their_key)], &["client.tls"]);
}
