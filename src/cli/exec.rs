//! `agentsh exec`: a command in a session on the server, with this process's streams.

use std::ffi::{OsStr, OsString};
use std::io::{ErrorKind, stderr, stdin, stdout};
use std::os::unix::ffi::OsStrExt as _;
use std::process::ExitCode;
use std::sync::mpsc;

use anyhow::Context as _;

use super::dispatch::{Context, complain};
use super::output::FAILED;
use crate::app::{self, ClientError, CommandEnd, ExecStreams, Server, StartCommand};
use crate::event::OsText;

/// `agentsh exec`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The server is asked over HTTP, or over gRPC where AGENTSH_TRANSPORT=grpc; AGENTSH_API_KEY is the key.\n\n\
    Exit code: the command's own; 128 + N if signal N ended it; 126 refused by policy; 127 not found; 125 agentsh failed.\n\n\
    Examples:\n  agentsh exec s0k3… -- make test\n  tar c src | agentsh exec s0k3… -- tar x -C /work/project"
)]
pub(super) struct ExecArguments {
    /// The session, or the start of its id
    pub(super) session: String,
    /// Working directory in the session [default: its workspace]
    #[arg(long, value_name = "DIR")]
    pub(super) cwd: Option<OsString>,
    /// A variable for the command; without a value, the one that it has here
    #[arg(long = "env", short, value_name = "NAME[=VALUE]")]
    pub(super) env: Vec<OsString>,
    /// Position in a distributed trace, as W3C Trace Context has it [default: $TRACEPARENT]
    #[arg(long, value_name = "TRACEPARENT")]
    pub(super) traceparent: Option<String>,
    /// Address of the server [default: server.http.addr or server.grpc.addr of the configuration]
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) server: Option<String>,
    /// The command and its arguments
    #[arg(required = true, last = true, value_name = "CMD")]
    pub(super) command: Vec<OsString>,
}

pub(super) fn run(arguments: &ExecArguments, context: Context) -> anyhow::Result<ExitCode> {
    let Context { config, environment, signals, .. } = context;
    let program = arguments.command.first().map(|program| program.to_string_lossy().into_owned()).unwrap_or_default();
    let traceparent = arguments.traceparent.clone();
    let own = || environment.get("TRACEPARENT").and_then(OsStr::to_str).map(str::to_owned);
    let variable = |given: &OsString| match given.as_bytes().iter().position(|byte| *byte == b'=') {
        Some(at) => {
            let (name, value) = given.as_bytes().split_at(at);
            Some((OsText::from_bytes(name), OsText::from_bytes(value.get(1..).unwrap_or_default())))
        }
        None => Some((OsText::from(given.as_os_str()), OsText::from(environment.get(given.to_str()?)?))),
    };
    let command = StartCommand {
        session: arguments.session.clone(),
        argv: arguments.command.iter().map(|argument| OsText::from(argument.as_os_str())).collect(),
        env: arguments.env.iter().filter_map(variable).collect(),
        cwd: arguments.cwd.as_deref().map(OsText::from),
        traceparent: traceparent.or_else(own),
    };
    let client = app::connect(&Server { address: arguments.server.clone() }, &config, &environment)?;

    // A signal that comes before the command runs waits for it.
    let (tell, told) = mpsc::channel::<(String, String)>();
    let (signal, signalled) = mpsc::channel();
    let forwarder = signals
        .forward_each(move |received| {
            // The receiver lives as long as this process.
            let _nobody_waits = signal.send(received);
        })
        .context("signals cannot be passed on")?;
    let signaller = std::sync::Arc::clone(&client);
    // Waits for signals until the process ends: nobody waits for it.
    std::thread::Builder::new().name("signals-out".to_owned()).spawn(move || {
        let Ok((session, command)) = told.recv() else { return };
        while let Ok(received) = signalled.recv() {
            // A command that has ended has no use for it.
            let _ended = signaller.signal(&session, Some(&command), received as i32);
        }
    })?;

    let (mut out, mut err) = (stdout().lock(), stderr().lock());
    let mut started = |session: &str, command: &str| {
        let _signaller_is_gone = tell.send((session.to_owned(), command.to_owned()));
    };
    let streams = ExecStreams { stdin: Box::new(stdin()), stdout: &mut out, stderr: &mut err, started: &mut started };
    let ended = client.exec(&command, streams);
    drop((out, err));
    drop(forwarder);
    match ended {
        Ok(end) => {
            explain(&program, &end);
            Ok(ExitCode::from(u8::try_from(end.exit_code & 0xff).unwrap_or(FAILED)))
        }
        // Whoever read the output has closed it: the command was ended, as a closed pipe would have.
        Err(ClientError::Output { source }) if source.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::from(128 + 13)),
        Err(error @ ClientError::Broken { .. }) => {
            Err(anyhow::anyhow!("{error}: the command was ended; `agentsh session list` shows its session"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Why the command did not run, in words.
fn explain(program: &str, end: &CommandEnd) {
    if let Some(error) = end.error.as_deref().filter(|_| end.signal.is_none()) {
        complain(&format!("{program}: {error}"));
    }
}
