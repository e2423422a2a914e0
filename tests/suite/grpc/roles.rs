//! Roles: the table names every RPC, and each is refused to whoever has another role.

use agentsh::encode::proto::DESCRIPTORS;
use agentsh::serve::auth::{Access, KeyFile, Keys, RPCS, Role, route_access, rpc_access};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::Code;
use tonic::client::Grpc;
use tonic::metadata::MetadataValue;

use super::rig::{InProcess, channel, make_key, runtime, soon};

/// The RPCs of Arrow Flight (Flight.proto), whose crate has no descriptors.
const FLIGHT: [&str; 10] = [
    "Handshake",
    "ListFlights",
    "GetFlightInfo",
    "PollFlightInfo",
    "GetSchema",
    "DoGet",
    "DoPut",
    "DoExchange",
    "DoAction",
    "ListActions",
];

/// Paths of every RPC that `descriptors` know.
fn paths(descriptors: &[u8]) -> Vec<String> {
    let set = FileDescriptorSet::decode(descriptors).unwrap();
    let mut paths = Vec::new();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                paths.push(format!("/{}.{}/{}", file.package(), service.name(), method.name()));
            }
        }
    }
    paths
}

/// RPCs that a table does not name, and names of no RPC.
fn differences(known: &[&str], paths: &[String]) -> Vec<String> {
    let unnamed = paths.iter().filter(|path| !known.contains(&path.as_str())).cloned();
    let gone = known.iter().filter(|known| !paths.iter().any(|path| path == *known)).map(|known| (*known).to_owned());
    unnamed.chain(gone).collect()
}

#[test]
fn the_table_names_every_rpc_of_every_service_and_no_other() {
    let mut all = paths(DESCRIPTORS);
    all.extend(paths(tonic_health::pb::FILE_DESCRIPTOR_SET));
    all.extend(paths(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET));
    all.extend(paths(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET));
    all.extend(FLIGHT.map(|name| format!("/arrow.flight.protocol.FlightService/{name}")));
    let known: Vec<&str> = RPCS.iter().map(|(path, _)| *path).collect();
    assert_eq!(differences(&known, &all), Vec::<String>::new());
    // What the test is for: one that is forgotten, and one that is gone.
    assert_eq!(differences(&known[1..], &all), [known[0]]);
    assert_eq!(differences(&known, &all[1..]), [all[0].clone()]);
    assert!(RPCS.iter().all(|(path, access)| rpc_access(path) == Some(*access)));
    assert_eq!(rpc_access("/agentsh.v1.EventService/Nothing"), None);
}

#[test]
fn routes_are_found_by_method_and_by_segments() {
    let operate = route_access("POST", "/api/v1/sessions").unwrap();
    assert_ne!(route_access("GET", "/api/v1/sessions"), Some(operate));
    assert_eq!(route_access("POST", "/api/v1/sessions/s1/exec"), Some(operate));
    assert_eq!(route_access("HEAD", "/health/live"), Some(Access::Public));
    for none in
        ["//", "/api/v1/sessions/", "/api/v1/sessions/a/b/c", "/health/live/", "//health/live", "/api/v1/sessions/s1/exec/x"]
    {
        assert_eq!(route_access("GET", none), None, "{none}");
    }
}

/// Calls an RPC by its path with an empty message.
async fn call(channel: &tonic::transport::Channel, path: &'static str, key: Option<&str>) -> Result<(), tonic::Status> {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let mut request = tonic::Request::new(tokio_stream::once(()));
    if let Some(key) = key {
        request.metadata_mut().insert("x-api-key", MetadataValue::try_from(key).unwrap());
    }
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let mut answers = grpc.streaming(request, path.parse().unwrap(), codec).await?.into_inner();
    // What does not fail at once has been let through.
    match tokio::time::timeout(std::time::Duration::from_millis(200), answers.message()).await {
        Ok(Err(status)) => Err(status),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

#[test]
fn each_rpc_is_refused_without_a_key_with_an_expired_one_and_to_every_other_role() {
    let data = tempfile::tempdir().unwrap();
    let file = KeyFile::at(data.path().join("keys.json"));
    let keys: Vec<(Role, String)> =
        Role::ALL.into_iter().map(|role| (role, make_key(&file, role.as_str(), &[role], None))).collect();
    let expired = make_key(&file, "late", &[Role::Admin], Some(agentsh::event::Timestamp::from_micros(1)));
    runtime().block_on(async {
        let rig = InProcess::start(Keys::open(file).unwrap(), |_| {}).await;
        let channel = channel(rig.addr()).await;
        for (path, access) in RPCS.iter().copied() {
            let call = |key| {
                let channel = channel.clone();
                async move { soon(path, call(&channel, path, key)).await.err() }
            };
            let refused = |found: &Option<tonic::Status>| {
                found.as_ref().is_some_and(|status| {
                    matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied) && !status.message().is_empty()
                })
            };
            let nobody = call(None).await;
            if access == Access::Public {
                assert!(!refused(&nobody), "{path}: {nobody:?}");
                continue;
            }
            assert_eq!(nobody.unwrap().code(), Code::Unauthenticated, "{path}");
            let late = call(Some(&expired)).await.unwrap();
            assert!(late.code() == Code::Unauthenticated && late.message().contains("has expired"), "{path}: {late:?}");
            let unknown = "agentsh_00000000_".to_owned() + &"0".repeat(64);
            assert_eq!(call(Some(&unknown)).await.unwrap().code(), Code::Unauthenticated, "{path}");
            for (role, key) in &keys {
                let answer = call(Some(key)).await;
                let may = *role == Role::Admin || access.roles().is_none_or(|roles| roles.contains(*role));
                assert_eq!(!refused(&answer), may, "{path} as {}: {answer:?}", role.as_str());
                if let (false, Some(status)) = (may, answer) {
                    assert_eq!(status.code(), Code::PermissionDenied, "{path}");
                    let needed = access.roles().unwrap().iter().next().unwrap();
                    assert!(status.message().contains(needed.as_str()) && status.message().contains("this takes"), "{status:?}");
                }
            }
        }
        let unknown = soon("unknown", call(&channel, "/agentsh.v1.Nothing/Here", None)).await.unwrap_err();
        assert_eq!(unknown.code(), Code::Unimplemented);
    });
}
