//! `agentsh session`: create, list, info, end.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use super::output::{Exit, Output, columns, middle, printable};
use crate::app::{self, Client, NewSession, Server, SessionInfo, SessionState, WhichSessions};
use crate::config::{Config, Environment};
use crate::runtime::clock;
use crate::runtime::units::{Age, Count, Millis};

/// `agentsh session`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum SessionCommand {
    /// Create a session on the server; its id goes to standard output
    Create(CreateArguments),
    /// List sessions, newest first: those that run and those that have ended
    List(ListArguments),
    /// Show one session and what runs in it
    Info(OneArguments),
    /// End a session: its commands are told, then killed
    End(EndArguments),
}

/// Which server.
#[derive(Debug, clap::Args)]
pub(super) struct ServerArgument {
    /// Address of the server [default: server.http.addr or server.grpc.addr of the configuration]
    #[arg(long, value_name = "HOST:PORT")]
    server: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct CreateArguments {
    /// The directory whose files are watched [default: the current directory]
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,
    /// Name of a policy in policies.dir, or `built-in` [default: policies.default of the configuration]
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// A label; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    /// End it after so long without a command, such as 30m [default: sessions.idle_timeout of the configuration]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    idle_timeout: Option<Duration>,
    /// End it after so long, whatever runs in it [default: sessions.hard_timeout of the configuration]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    hard_timeout: Option<Duration>,
    /// Position in a distributed trace, as W3C Trace Context has it [default: $TRACEPARENT]
    #[arg(long, value_name = "TRACEPARENT")]
    traceparent: Option<String>,
    #[command(flatten)]
    server: ServerArgument,
}

#[derive(Debug, clap::Args)]
pub(super) struct ListArguments {
    /// Only those that run
    #[arg(long)]
    running: bool,
    /// At most so many
    #[arg(long, default_value_t = 20, value_name = "NUMBER")]
    limit: u32,
    #[command(flatten)]
    server: ServerArgument,
}

#[derive(Debug, clap::Args)]
pub(super) struct OneArguments {
    /// The session, or the start of its id
    session: String,
    #[command(flatten)]
    server: ServerArgument,
}

#[derive(Debug, clap::Args)]
pub(super) struct EndArguments {
    /// The session, or the start of its id
    session: String,
    /// How long its commands may take to end by themselves [default: sessions.grace of the configuration]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    grace: Option<Duration>,
    #[command(flatten)]
    server: ServerArgument,
}

fn duration(text: &str) -> Result<Duration, String> {
    Millis::parse(text).map(Millis::duration).ok_or_else(|| "a duration is such as `100ms`, `2s`, `5m` or `1h`".to_owned())
}

pub(super) fn run(
    command: SessionCommand,
    config: &Config,
    environment: &Environment,
    out: &mut Output<'_>,
) -> anyhow::Result<Exit> {
    let client = |server: &ServerArgument| {
        app::connect(&Server { address: server.server.clone() }, config, environment).map_err(|error| anyhow::anyhow!("{error}"))
    };
    match command {
        SessionCommand::Create(arguments) => {
            let here = std::env::current_dir()?;
            let own = environment.get("TRACEPARENT").and_then(OsStr::to_str).map(str::to_owned);
            let new = NewSession {
                workspace: arguments.workspace.map_or_else(|| here.clone(), |workspace| here.join(workspace)),
                policy: arguments.policy.unwrap_or_default(),
                labels: arguments.labels,
                idle_timeout: arguments.idle_timeout,
                hard_timeout: arguments.hard_timeout,
                traceparent: arguments.traceparent.or(own),
            };
            let info = client(&arguments.server)?.create(&new).map_err(said)?;
            if arguments.server.json {
                writeln!(out, "{}", serde_json::to_string(&info)?)?;
            } else {
                writeln!(out, "{}", info.id)?;
            }
        }
        SessionCommand::List(arguments) => list(&*client(&arguments.server)?, &arguments, out)?,
        SessionCommand::Info(arguments) => {
            let info = client(&arguments.server)?.get(&arguments.session).map_err(said)?;
            show(&info, arguments.server.json, out)?;
        }
        SessionCommand::End(arguments) => {
            let info = client(&arguments.server)?.end(&arguments.session, arguments.grace).map_err(said)?;
            show(&info, arguments.server.json, out)?;
        }
    }
    Ok(Exit::Done)
}

/// What a server or the connection said, as text: a connection that broke is no closed standard output, which would be no failure.
fn said(error: app::ClientError) -> anyhow::Error {
    anyhow::anyhow!("{error}")
}

fn list(client: &dyn Client, arguments: &ListArguments, out: &mut Output<'_>) -> anyhow::Result<()> {
    let mut sessions = Vec::new();
    let mut before = None;
    let mut left = arguments.limit;
    while left > 0 {
        let page = client.list(WhichSessions { running: arguments.running, most: left, before }).map_err(said)?;
        left = left.saturating_sub(u32::try_from(page.sessions.len()).unwrap_or(u32::MAX));
        sessions.extend(page.sessions);
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    if arguments.server.json {
        writeln!(out, "{}", serde_json::to_string(&sessions)?)?;
        return Ok(());
    }
    let width = sessions.iter().map(|session| columns(&session.id)).max().unwrap_or(0).max(7);
    writeln!(out, "{:width$}  {:<9}  {:<14}  {:>9}  {:>7}  WORKSPACE", "SESSION", "BEGAN", "STATE", "EVENTS", "REFUSED")?;
    let now = clock::now();
    for session in &sessions {
        let age = Age::between(session.created_us, now.as_micros()).to_string();
        let (events, denied) = (Count(session.events).to_string(), Count(session.denied).to_string());
        let line = format!("{:width$}  {age:<9}  {:<14}  {events:>9}  {denied:>7}  ", session.id, state(session));
        let room = out.width().map_or(usize::MAX, |width| width.saturating_sub(columns(&line)).max(10));
        writeln!(out, "{line}{}", middle(&printable(&session.workspace), room))?;
    }
    Ok(())
}

/// What goes on, or why it ended.
fn state(session: &SessionInfo) -> String {
    match session.state {
        SessionState::Running if session.commands.is_empty() => "open".to_owned(),
        SessionState::Running => format!("{} running", session.commands.len()),
        SessionState::Ended => session.end_reason.clone(),
    }
}

fn show(session: &SessionInfo, json: bool, out: &mut Output<'_>) -> anyhow::Result<()> {
    if json {
        writeln!(out, "{}", serde_json::to_string(session)?)?;
        return Ok(());
    }
    let now = clock::now();
    let ago = |time: i64| Age::between(time, now.as_micros());
    let mut line = |name: &str, value: String| writeln!(out, "{name:<13}{}", printable(&value));
    line("session", session.id.clone())?;
    line("state", state(session))?;
    line("began", format!("{} ago", ago(session.created_us)))?;
    if let Some(ended) = session.ended_us {
        line("ended", format!("{} ago, after {}", ago(ended), Age::between(session.created_us, ended)))?;
    }
    line("workspace", session.workspace.clone())?;
    line("policy", format!("{} ({})", session.policy, session.policy_digest.get(..12).unwrap_or_default()))?;
    if !session.labels.is_empty() {
        line("labels", session.labels.join(", "))?;
    }
    line("events", format!("{}, seq {} to {}", Count(session.events), session.first_seq, session.last_seq))?;
    line("decisions", format!("{}, {} refused", Count(session.decisions), Count(session.denied)))?;
    for (name, millis) in [("idle timeout", session.idle_timeout_ms), ("hard timeout", session.hard_timeout_ms)] {
        if millis > 0 {
            line(name, Millis::new(millis).to_string())?;
        }
    }
    for command in &session.commands {
        let since = ago(command.started_us);
        line("command", format!("{}  pid {}  {since}  {}", command.id, command.pid, command.argv.join(" ")))?;
    }
    Ok(())
}
