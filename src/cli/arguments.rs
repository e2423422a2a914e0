//! The command line as clap reads it.

use std::ffi::OsString;
use std::path::PathBuf;

use super::detect::DetectCommand;
use super::doctor::DoctorArgs;
use super::events::EventsArgs;
use super::exec::ExecArguments;
use super::export::ExportCommand;
use super::import::ImportArguments;
use super::journal::JournalCommand;
use super::keys::KeysCommand;
use super::policy::PolicyCommand;
use super::query::QueryArgs;
use super::replay::ReplayArgs;
use super::report::ReportArgs;
use super::session::SessionCommand;
use super::sinks::SinksCommand;
use super::tell::{FilesArgs, TreeArgs, WhyArgs};
use super::verify::VerifyArgs;

/// A flight recorder for AI agents and any other command
#[derive(Debug, clap::Parser)]
#[command(name = "agentsh", version, about, max_term_width = 100)]
pub(super) struct Arguments {
    /// Configuration file [default: $AGENTSH_CONFIG, /etc/agentsh/config.yaml, ~/.config/agentsh/config.yaml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Where the journal is [default: /var/lib/agentsh for root, else ~/.local/share/agentsh]
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// The subcommands, in the order in which a new user meets them.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Run a command and record everything that it does
    Run(RunArguments),
    /// Record a built-in session and show what it caught (no root, no network)
    Demo,
    /// Print recorded events: filters, formats, --follow
    Events(Box<EventsArgs>),
    /// The processes of a session: who started whom, how each ended and was judged
    Tree(TreeArgs),
    /// The files that a session created, changed, renamed and deleted, net of intermediate steps
    Files(FilesArgs),
    /// Which processes led to a file's being as it is
    Why(WhyArgs),
    /// Play a session again, event by event with its recorded terminal; or tell two sessions apart
    Replay(ReplayArgs),
    /// What a session was, over all of its events: text, Markdown, HTML or JSON
    Report(ReportArgs),
    /// Ask in SQL, over the journal and its Parquet files
    Query(Box<QueryArgs>),
    /// Put evidence of other systems into the journal: Windows, macOS, auditd, JSON lines
    Import(ImportArguments),
    /// Write what was recorded for other machines and programs
    #[command(subcommand)]
    Export(Box<ExportCommand>),
    /// Check that the journal is whole, and name the seq if it is not
    Verify(VerifyArgs),
    /// Test what works on this machine, and say how to get the rest
    Doctor(DoctorArgs),
    /// How the journal stands; its key, a signed checkpoint, a rebuild
    #[command(subcommand)]
    Journal(JournalCommand),
    /// How the sinks of the configuration stand, and what was refused
    #[command(subcommand)]
    Sinks(SinksCommand),
    /// Rules that recognise what happened: list, check, add, test, run over the past, coverage of ATT&CK
    #[command(subcommand)]
    Detect(DetectCommand),
    /// Check a policy, or print the built-in one
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Sessions on the server: create, list, info, end
    #[command(subcommand)]
    Session(SessionCommand),
    /// Run a command in a session on the server
    Exec(ExecArguments),
    /// Keep the journal open and answer over HTTP and gRPC
    Server(ServerArguments),
    /// Who may use the server: make, list and revoke keys
    #[command(subcommand)]
    Keys(KeysCommand),
}

/// `agentsh server`.
#[derive(Debug, clap::Args)]
pub(super) struct ServerArguments {
    /// Address of the HTTP service [default: server.http.addr of the configuration, else 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) addr: Option<std::net::SocketAddr>,
    /// Address of the gRPC service, and that there is one [default: server.grpc of the configuration]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) grpc: Option<std::net::SocketAddr>,
}

/// `agentsh run`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code: the command's own; 128 + N if signal N ended it; 126 refused by policy; 127 not found; 125 agentsh failed.\n\n\
    Examples:\n  agentsh run -- make test\n  agentsh run --policy strict.yaml --workspace ~/project -- claude"
)]
pub(super) struct RunArguments {
    /// Policy file [default: policies.default of the configuration, else the built-in one]
    #[arg(long, value_name = "FILE")]
    pub(super) policy: Option<PathBuf>,
    /// The directory whose files are watched [default: the current directory]
    #[arg(long, value_name = "DIR")]
    pub(super) workspace: Option<PathBuf>,
    /// Print the summary as one JSON object (on stderr)
    #[arg(long)]
    pub(super) json: bool,
    /// Print no summary
    #[arg(long, short, conflicts_with = "json")]
    pub(super) quiet: bool,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD")]
    pub(super) command: Vec<OsString>,
}
