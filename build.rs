//! Compiles `proto/` without protoc: the messages for `encode::proto`, the services (which name those messages) for `serve::grpc`, and
//! the descriptors for reflection and for the tests. Lists the rules of `schemas/rules/`, so that they become part of the program.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

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
    list_rules(&PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("schemas/rules"), &out.join("rules.rs"))?;
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

    // Clients get the messages that they read; the server answers `Subscribe` and `Query` with bytes that are encoded already.
    for (folder, of_clients) in [("clients", true), ("services", false)] {
        let services = out.join(folder);
        std::fs::create_dir_all(&services)?;
        let mut builder = tonic_prost_build::configure()
            .build_client(of_clients)
            .build_server(!of_clients)
            .extern_path(".agentsh.v1", "crate::encode::proto");
        if !of_clients {
            for message in [".agentsh.v1.SubscribeResponse", ".agentsh.v1.QueryResponse"] {
                builder = builder.extern_path(message, "crate::encode::proto::EncodedResponse");
            }
        }
        builder.out_dir(&services).compile_fds(descriptors.clone())?;
    }
    Ok(())
}

/// Writes a slice of (file name, text) that takes in every rule file, by name.
fn list_rules(folder: &Path, list: &Path) -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yml"));
    files.sort();
    let mut text = String::from("&[\n");
    for file in &files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        writeln!(text, "    ({name:?}, include_str!({:?})),", file.display().to_string())?;
    }
    text.push_str("]\n");
    std::fs::write(list, text)?;
    Ok(())
}
