//! Compiles `proto/` without protoc: the messages for `encode::proto`, the services (which name those messages) for `serve::grpc`, and
//! the descriptors for reflection and for the tests.

use std::path::PathBuf;

/// Every file, so that a new one is not forgotten: a test compares the list with the folder.
const FILES: [&str; 4] = [
    "agentsh/v1/event.proto",
    "agentsh/v1/event_service.proto",
    "agentsh/v1/policy_service.proto",
    "agentsh/v1/session_service.proto",
];

#[expect(clippy::disallowed_methods, reason = "cargo hands a build script its folder in the environment")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let descriptors = protox::compile(FILES, ["proto"])?;
    std::fs::write(out.join("agentsh.v1.bin"), prost::Message::encode_to_vec(&descriptors))?;

    let messages = out.join("messages");
    std::fs::create_dir_all(&messages)?;
    tonic_prost_build::configure()
        .build_client(false)
        .build_server(false)
        .bytes(".agentsh.v1.ExecRequest")
        .bytes(".agentsh.v1.ExecResponse")
        .out_dir(&messages)
        .compile_fds(descriptors.clone())?;

    // The server sends streams and pages as bytes that were encoded once for all readers; a client reads messages.
    let services = out.join("services");
    std::fs::create_dir_all(&services)?;
    tonic_prost_build::configure()
        .build_client(false)
        .extern_path(".agentsh.v1.SubscribeResponse", "crate::encode::proto::EncodedResponse")
        .extern_path(".agentsh.v1.QueryResponse", "crate::encode::proto::EncodedResponse")
        .extern_path(".agentsh.v1", "crate::encode::proto")
        .out_dir(&services)
        .compile_fds(descriptors.clone())?;
    let clients = out.join("clients");
    std::fs::create_dir_all(&clients)?;
    tonic_prost_build::configure()
        .build_server(false)
        .extern_path(".agentsh.v1", "crate::encode::proto")
        .out_dir(&clients)
        .compile_fds(descriptors)?;
    Ok(())
}
