//! `agentsh server`: says where it listens, and serves until it is told to stop.

use std::io::Write as _;
use std::process::ExitCode;

use super::arguments::ServerArguments;
use crate::app;
use crate::config::{Config, Environment};

pub(super) fn run(arguments: &ServerArguments, mut config: Config, environment: &Environment) -> anyhow::Result<ExitCode> {
    if let Some(addr) = arguments.addr {
        config.server.http.addr = addr;
    }
    if let Some(addr) = arguments.grpc {
        config.server.grpc.addr = addr;
        config.server.grpc.enabled = true;
    }
    app::server::serve(&config, environment, |listening| {
        let mut text = format!("listening on http://{}\n", listening.http);
        if let Some(addr) = listening.grpc {
            text.push_str(&format!("listening on {}://{addr}\n", if listening.tls { "grpcs" } else { "grpc" }));
        }
        let mut out = std::io::stdout().lock();
        // A server whose output is closed serves all the same.
        let _nobody_reads = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    })?;
    Ok(ExitCode::SUCCESS)
}
