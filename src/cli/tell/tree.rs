//! `agentsh tree`: the processes of a session, who started whom, how each ended and how it was judged.

use std::io::Write as _;

use clap::Args;

use super::{SessionName, base_name, command_line};
use crate::cli::output::{Exit, Output, middle, printable};
use crate::event::Decision;
use crate::query::session::{self, Process, Run, Tree};
use crate::query::{DataDir, Reader};
use crate::runtime::units::{Age, Count};

/// Depths that a line shows by its indent.
const DEPTH: usize = 16;

/// No line is cut to less.
const LEAST: usize = 40;

/// `agentsh tree`: the processes of a session.
#[derive(Clone, Debug, Args)]
pub struct TreeArgs {
    /// Which session.
    #[command(flatten)]
    pub session: SessionName,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Prints the processes of a session.
///
/// # Errors
/// When there is no such session, the journal cannot be read, or the output cannot be written.
pub fn run(args: &TreeArgs, data_dir: &DataDir, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    let evidence = args.session.evidence.session(data_dir, &args.session.session)?;
    let (reader, name) = (Reader::open(evidence.data_dir())?, evidence.session());
    let tree = session::tree(&reader, name)?;
    if args.json {
        let json = serde_json::json!({"session": name, "roots": tree.roots, "processes": tree.processes});
        writeln!(out, "{json}")?;
        return Ok(Exit::Done);
    }
    print(name, &tree, out)?;
    Ok(Exit::Done)
}

fn print(name: &str, tree: &Tree, out: &mut Output<'_>) -> anyhow::Result<()> {
    let palette = out.palette();
    let count = u64::try_from(tree.processes.len()).unwrap_or(u64::MAX);
    let processes = if count == 1 { "process" } else { "processes" };
    writeln!(out, "{}", palette.bold(format!("{name}: {} {processes}", Count(count))))?;
    // Place, depth and whether it is the last of its parent's; of each depth whether more come there.
    let mut waiting: Vec<(usize, usize, bool)> = Vec::new();
    let mut more: Vec<bool> = Vec::new();
    waiting.extend(tree.roots.iter().rev().map(|root| (*root, 0, true)));
    while let Some((at, depth, last)) = waiting.pop() {
        let Some(process) = tree.processes.get(at) else { continue };
        more.truncate(depth.saturating_sub(1));
        let above = indent(&more);
        let branch = match (depth, last) {
            (0, _) => "",
            (_, true) => "└─ ",
            (_, false) => "├─ ",
        };
        if depth > 0 {
            more.push(!last);
        }
        let below = indent(&more);
        let bar = if process.children.is_empty() { "  " } else { "│ " };
        for (index, line) in lines(process, out).into_iter().enumerate() {
            let before = if index == 0 { format!("{above}{branch}") } else { format!("{below}{bar}") };
            writeln!(out, "{}{line}", palette.dim(before))?;
        }
        let children = process.children.iter().rev().enumerate();
        waiting.extend(children.map(|(index, child)| (*child, depth + 1, index == 0)));
    }
    Ok(())
}

/// What stands before a line: a bar for each depth at which more come. Of a tree that is deeper than a screen is wide, the end.
fn indent(more: &[bool]) -> String {
    let shown = more.get(more.len().saturating_sub(DEPTH)..).unwrap_or_default();
    let cut = if shown.len() < more.len() { format!("…{} ", more.len() - shown.len()) } else { String::new() };
    cut + &shown.iter().map(|more| if *more { "│  " } else { "   " }).collect::<String>()
}

/// The lines of a process: what it ran, one behind the other, and what was detected.
fn lines(process: &Process, out: &Output<'_>) -> Vec<String> {
    let palette = out.palette();
    let room = out.width().map_or(usize::MAX, |width| (width.saturating_mul(2) / 3).max(LEAST));
    let mut lines = Vec::new();
    let tail = tail(process, out);
    let mut runs = process.runs.iter();
    let first = match runs.next() {
        Some(run) => told(run, room, out),
        None => {
            let program = process.forked_from.as_ref().map_or_else(String::new, base_name);
            palette.dim(format!("({})", printable(&program))).to_string()
        }
    };
    lines.push(format!("{first}  {}{tail}", palette.dim(format!("[{}]", process.pid))));
    lines.extend(runs.map(|run| format!("{} {}", palette.dim("then"), told(run, room, out))));
    for found in &process.detections {
        let techniques: Vec<&str> = found.techniques.iter().map(|technique| technique.as_str()).collect();
        let text = format!("! {} ({}) {}", printable(&found.title), printable(&found.level), techniques.join(" "));
        let grave = matches!(found.level.as_str(), "high" | "critical");
        lines.push(if grave { palette.red(text) } else { palette.yellow(text) }.to_string());
    }
    lines
}

fn told(run: &Run, room: usize, out: &Output<'_>) -> String {
    let palette = out.palette();
    let line = match &run.command_line {
        Some(line) => line.clone(),
        None if run.argv.is_empty() => run.path.as_text().into_owned(),
        None => command_line(&run.argv),
    };
    let line = middle(&printable(&line), room).into_owned();
    let rule = run.rule.as_deref().unwrap_or("the default");
    match (run.decision, &run.error) {
        (Some(Decision::Deny), _) => format!("{}  {}", palette.red(line), palette.red(format!("refused by {}", printable(rule)))),
        (_, Some(error)) => format!("{}  {}", palette.yellow(line), palette.yellow(printable(error))),
        (Some(decision), None) => format!("{line}  {}", palette.yellow(format!("{} by {}", decision.as_str(), printable(rule)))),
        (None, None) => line,
    }
}

/// How it ended and what it did, behind its first line.
fn tail(process: &Process, out: &Output<'_>) -> String {
    let palette = out.palette();
    let mut tail = String::new();
    if let Some(exit) = &process.exit {
        match (&exit.signal, exit.code) {
            (Some(signal), _) => tail.push_str(&format!("  {}", palette.red(printable(signal)))),
            (None, Some(0)) => {}
            (None, Some(code)) => tail.push_str(&format!("  {}", palette.yellow(format!("exit {code}")))),
            (None, None) => {}
        }
    }
    if let Some(wall) = process.statistics.as_ref().and_then(|statistics| statistics.wall_time_us) {
        tail.push_str(&format!("  {}", palette.dim(Age(wall))));
    }
    if process.refused > 0 {
        tail.push_str(&format!("  {}", palette.red(format!("{} refused", Count(process.refused)))));
    }
    tail
}
