//! `agentsh demo`: a built-in session, what it caught, and where to look further.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use super::dispatch::Context;
use super::run::{exit_code, explain};
use crate::app::{self, Ending, demo::Stage};
use crate::query::{DataDir, verify};

pub(super) fn run(context: Context) -> anyhow::Result<ExitCode> {
    let temporary = context.environment.get("TMPDIR").map_or(Path::new("/tmp"), Path::new).to_owned();
    let stage = Stage::build(&temporary)?;
    let request = stage.request(context.environment.all(), context.program);
    let mut out = std::io::stdout();
    writeln!(out, "Recording a session in {}", request.workspace.display())?;
    let report = app::run(&request, &context.config, &context.environment, context.signals)?;
    drop(stage);
    explain(&report.ending, &request);

    let data_dir = DataDir::at(&context.config.data_dir);
    let verification = verify(&data_dir, None, &[], |_, _| {})?;
    writeln!(out, "\n──── what the recorder saw ────\n")?;
    write!(out, "{}", report.summary)?;
    match verification.findings.first() {
        None => writeln!(
            out,
            "  verified  {} events in the journal, signed up to seq {}: nothing was changed",
            verification.events, verification.signed_to
        )?,
        Some(finding) => writeln!(out, "  NOT WHOLE {finding}")?,
    }
    let session = report.session.as_str();
    let data = if context.config.data_dir == context.environment.default_data_dir().unwrap_or_default() {
        String::new()
    } else {
        format!(" --data-dir {}", context.config.data_dir.display())
    };
    // As the user has called it: a binary that was just built is not in the path.
    let agentsh = std::env::args_os().next().unwrap_or_else(|| "agentsh".into());
    let agentsh = agentsh.display();
    writeln!(out, "\nLook further:")?;
    writeln!(out, "  {agentsh} events{data} --session {session}")?;
    writeln!(out, "  {agentsh} events{data} --session {session} --decision deny --format jsonl")?;
    writeln!(out, "  {agentsh} verify{data}")?;
    out.flush()?;
    Ok(match report.ending {
        Ending::Exited(0) if verification.is_whole() => ExitCode::SUCCESS,
        Ending::Exited(0) => ExitCode::FAILURE,
        other => exit_code(&other),
    })
}
