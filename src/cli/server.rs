//! `agentsh server`: says where it listens, and serves until it is told to stop.

use std::io::Write as _;
use std::process::ExitCode;

use super::arguments::ServerArguments;
use crate::app;
use crate::config::Config;

pub(super) fn run(arguments: &ServerArguments, mut config: Config) -> anyhow::Result<ExitCode> {
    if let Some(addr) = arguments.addr {
        config.server.http.addr = addr;
    }
    app::server::serve(&config, |addr| {
        let mut out = std::io::stdout().lock();
        // A server whose output is closed serves all the same.
        let _nobody_reads = writeln!(out, "listening on http://{addr}").and_then(|()| out.flush());
    })?;
    Ok(ExitCode::SUCCESS)
}
