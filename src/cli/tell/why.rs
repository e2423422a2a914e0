//! `agentsh why`: everything that changed a file, and the processes that led to each change.

use std::ffi::OsString;
use std::io::Write as _;

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{base_name, command_line};
use crate::cli::evidence::EvidenceArgs;
use crate::cli::output::{Exit, Output, middle, printable};
use crate::event::{Kind, OsText};
use crate::query::session::{self, Ancestor, Touch};
use crate::query::{DataDir, Filter, Reader};
use crate::runtime::units::Bytes;

/// No line is cut to less.
const LEAST: usize = 40;

/// `agentsh why`: which processes led to a file's being as it is.
#[derive(Clone, Debug, Args)]
pub struct WhyArgs {
    /// The file or directory; a relative path is taken from here.
    #[arg(value_name = "PATH")]
    pub path: OsString,
    /// In this session only: its name, the start of its name, or `last`.
    #[arg(long, short, value_name = "NAME")]
    pub session: Option<String>,
    /// Where it is read from.
    #[command(flatten)]
    pub evidence: EvidenceArgs,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Prints what changed a file.
///
/// # Errors
/// When there is no such session, the journal cannot be read, or the output cannot be written. A file that nothing changed is no error
/// but [`Exit::NotInOrder`].
pub fn run(args: &WhyArgs, data_dir: &DataDir, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    let evidence = match &args.session {
        Some(name) => args.evidence.session(data_dir, name)?,
        None => args.evidence.whole(data_dir)?,
    };
    let reader = Reader::open(evidence.data_dir())?;
    let name = args.session.as_ref().map(|_| evidence.session());
    let directory = std::env::current_dir().unwrap_or_default();
    let text = Filter::path_text(&OsText::from(args.path.as_os_str()), &OsText::from(directory.as_path()));
    let path = OsText::from_text(&text).unwrap_or_else(|_| OsText::from(args.path.as_os_str()));
    let touches = session::why(&reader, name, &path)?;
    if args.json {
        writeln!(out, "{}", serde_json::json!({"path": path, "changes": touches}))?;
    } else if touches.is_empty() {
        out.say(format!("nothing that is recorded changed {}", printable(&path.as_text())))?;
    } else {
        print(&touches, out)?;
    }
    Ok(if touches.is_empty() { Exit::NotInOrder } else { Exit::Done })
}

fn print(touches: &[Touch], out: &mut Output<'_>) -> anyhow::Result<()> {
    let palette = out.palette();
    let zone = TimeZone::system();
    let room = out.width().map_or(usize::MAX, |width| width.max(LEAST));
    let mut session = None;
    let mut chain: &[Ancestor] = &[];
    for touch in touches {
        if session != Some(&touch.session_id) {
            session = Some(&touch.session_id);
            chain = &[];
            let name = touch.session_id.as_ref().map_or("no session", |session| session.as_str());
            writeln!(out, "{}", palette.bold(name))?;
        }
        let time = Timestamp::from_microsecond(touch.time_us).unwrap_or_default().to_zoned(zone.clone());
        let what = printable(&in_words(touch)).into_owned();
        let head = format!("{:>8}  {}  ", touch.seq, time.strftime("%F %T%.3f"));
        let what = middle(&what, room.saturating_sub(head.len() + 10)).into_owned();
        let what = if touch.undone { palette.red(format!("{what}  did not happen")) } else { palette.plain(what) };
        writeln!(out, "{}{what}", palette.dim(head))?;
        // The same processes are told of once.
        if chain != touch.chain.as_slice() {
            chain = &touch.chain;
            for (depth, ancestor) in chain.iter().enumerate() {
                let indent = 10 + 2 * depth;
                let line = middle(&printable(&ran(ancestor)), room.saturating_sub(indent + 12)).into_owned();
                let pid = palette.dim(format!("[{}]", ancestor.pid));
                writeln!(out, "{:indent$}{} {line}  {pid}", "", palette.dim("└"))?;
            }
        }
    }
    Ok(())
}

fn ran(ancestor: &Ancestor) -> String {
    match (&ancestor.program, ancestor.argv.as_slice()) {
        (_, [_, ..]) => command_line(&ancestor.argv),
        (Some(program), []) => base_name(program),
        (None, []) => "?".to_owned(),
    }
}

fn in_words(touch: &Touch) -> String {
    let verb = if touch.kind == Kind::FileClose { "write" } else { crate::cli::events::verb(touch.kind) };
    let to = touch.to.as_ref().map_or_else(String::new, |to| format!(" → {to}"));
    let bytes = match (touch.bytes_written, touch.size_after) {
        (Some(bytes), Some(size)) => format!("  {} written, {} now", Bytes(bytes), Bytes(size)),
        (Some(bytes), None) => format!("  {} written", Bytes(bytes)),
        (None, Some(size)) => format!("  {} now", Bytes(size)),
        (None, None) => String::new(),
    };
    format!("{verb} {}{to}{bytes}", touch.path)
}
