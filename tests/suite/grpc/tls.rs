//! TLS and mutual TLS: who may connect, and whom a certificate stands for.

use std::path::Path;

use agentsh::event::Timestamp;
use agentsh::runtime::clock;
use agentsh::serve::auth::{KeyEntry, KeyFile, Keys, Role};
use agentsh::serve::grpc::TlsConfig;
use agentsh::serve::grpc::policy_service_client::PolicyServiceClient;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tonic::Code;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use super::rig::{InProcess, make_key, runtime, soon, with_key};

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Certificate and key for a name, as PEM.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }
}

fn files(folder: &Path, authority: &Authority) -> TlsConfig {
    let (cert, key) = authority.sign("localhost");
    let put = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        Some(path)
    };
    TlsConfig { cert: put("server.pem", &cert), key: put("server.key", &key), client_ca: put("ca.pem", &authority.pem()) }
}

async fn connect(addr: std::net::SocketAddr, tls: ClientTlsConfig) -> Result<Channel, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(format!("https://localhost:{}", addr.port())).unwrap();
    soon("connecting", endpoint.tls_config(tls).unwrap().connect()).await
}

fn trusting(authority: &Authority) -> ClientTlsConfig {
    ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority.pem())).domain_name("localhost")
}

#[test]
fn a_certificate_stands_for_whom_the_file_of_keys_says() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, stranger) = (Authority::new(), Authority::new());
    let file = KeyFile::at(folder.path().join("keys.json"));
    let entry = |name: &str, certificate: &str, role, expires_us| KeyEntry {
        id: name.to_owned(),
        name: name.to_owned(),
        roles: vec![role],
        sha256: None,
        certificate: Some(certificate.to_owned()),
        created_us: 0,
        expires_us,
    };
    file.add(entry("watcher", "watcher.corp.test", Role::Auditor, None)).unwrap();
    file.add(entry("edge-7", "edge-7.corp.test", Role::Sensor, None)).unwrap();
    file.add(entry("late", "late.corp.test", Role::Auditor, Some(1))).unwrap();
    let key = make_key(&file, "alice", &[Role::Auditor], Some(Timestamp::from_micros(clock::now().as_micros() + 3_600_000_000)));
    let tls = files(folder.path(), &authority);
    runtime().block_on(async {
        let rig = InProcess::start(Keys::open(file).unwrap(), |config| config.tls = tls).await;
        let list = async |name: &str, key: Option<&str>| {
            let (cert, secret) = authority.sign(name);
            let tls = trusting(&authority).identity(Identity::from_pem(cert, secret));
            let mut client = PolicyServiceClient::new(with_key(connect(rig.addr(), tls).await.unwrap(), key));
            soon("listing", client.list_policies(agentsh::encode::proto::ListPoliciesRequest {})).await.map(|_| ())
        };
        list("watcher.corp.test", None).await.unwrap();
        let wrong = list("edge-7.corp.test", None).await.unwrap_err();
        assert_eq!(wrong.code(), Code::PermissionDenied);
        assert!(wrong.message().contains("`edge-7` has the role sensor"), "{wrong}");
        assert_eq!(list("late.corp.test", None).await.unwrap_err().code(), Code::Unauthenticated);
        let unknown = list("nobody.corp.test", None).await.unwrap_err();
        assert!(unknown.code() == Code::Unauthenticated && unknown.message().contains("certificate"), "{unknown}");
        // A key counts beside any certificate that the authority has signed.
        list("nobody.corp.test", Some(&key)).await.unwrap();

        // A certificate of another authority, none at all, and no TLS.
        let (cert, secret) = stranger.sign("watcher.corp.test");
        let foreign = trusting(&authority).identity(Identity::from_pem(cert, secret));
        for tls in [foreign, trusting(&authority)] {
            // With TLS 1.3 the client learns of the refusal with its first call.
            let outcome = match connect(rig.addr(), tls).await {
                Err(_) => Err(()),
                Ok(channel) => {
                    let mut client = PolicyServiceClient::new(with_key(channel, Some(&key)));
                    let listed = soon("listing", client.list_policies(agentsh::encode::proto::ListPoliciesRequest {})).await;
                    listed.map(|_| ()).map_err(|_| ())
                }
            };
            assert_eq!(outcome, Err(()));
        }
        let plain = Endpoint::from_shared(format!("http://{}", rig.addr())).unwrap();
        let outcome = match soon("connecting", plain.connect()).await {
            Err(_) => Err(()),
            Ok(channel) => {
                let mut client = PolicyServiceClient::new(channel);
                soon("listing", client.list_policies(agentsh::encode::proto::ListPoliciesRequest {}))
                    .await
                    .map(|_| ())
                    .map_err(|_| ())
            }
        };
        assert_eq!(outcome, Err(()));
    });
}

#[test]
fn tls_that_is_not_whole_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let whole = files(folder.path(), &authority);
    let start = |tls: TlsConfig| {
        let config = agentsh::serve::grpc::GrpcConfig { tls, addr: ([127, 0, 0, 1], 0).into(), ..Default::default() };
        let services = agentsh::serve::grpc::Services::new(&config);
        let admission = agentsh::serve::Admission::local();
        runtime().block_on(async {
            let started = agentsh::serve::grpc::GrpcServer::start(&config, admission, services, Box::new(|| true)).await;
            started.err().map(|error| error.to_string()).unwrap_or_default()
        })
    };
    assert_eq!(start(whole.clone()), "");
    assert!(start(TlsConfig { key: None, ..whole.clone() }).ends_with("set `key`"));
    assert!(start(TlsConfig { cert: None, ..whole.clone() }).ends_with("set `cert`"));
    let missing = start(TlsConfig { cert: Some(folder.path().join("none.pem")), ..whole.clone() });
    assert!(missing.starts_with("server.grpc.tls.cert: ") && missing.contains("none.pem"), "{missing}");
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "nothing\n").unwrap();
    assert!(start(TlsConfig { client_ca: Some(empty), ..whole.clone() }).starts_with("server.grpc.tls.client_ca: "));
    assert!(start(TlsConfig { key: whole.cert.clone(), ..whole }).starts_with("server.grpc.tls.key: "));
}
