//! `agentsh run`: one command, recorded, then a summary on stderr.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use super::arguments::RunArguments;
use super::dispatch::{Context, complain};
use crate::app::{self, Ending, RunReport, RunRequest};
use crate::config::PolicyChoice;

pub(super) fn run(arguments: RunArguments, context: Context) -> anyhow::Result<ExitCode> {
    let cwd = std::env::current_dir()?;
    let policy = match arguments.policy {
        Some(path) => PolicyChoice::File(path),
        None => context.config.policies.choice(),
    };
    let request = RunRequest {
        argv: arguments.command,
        env: context.environment.all(),
        workspace: arguments.workspace.map_or_else(|| cwd.clone(), |workspace: PathBuf| cwd.join(workspace)),
        cwd,
        policy,
        program: context.program,
    };
    let report = app::run(&request, &context.config, &context.environment, context.signals)?;
    explain(&report.ending, &request);
    if !arguments.quiet {
        let summary = if arguments.json { as_json(&report)? } else { report.summary.to_string() };
        // The command has run and is recorded: a closed stderr changes nothing about that.
        let _nowhere_to_print = std::io::stderr().lock().write_all(summary.as_bytes());
    }
    Ok(exit_code(&report.ending))
}

/// Why the command did not run, in words.
pub(super) fn explain(ending: &Ending, request: &RunRequest) {
    let program = request.argv.first().map(|program| program.to_string_lossy()).unwrap_or_default();
    match ending {
        Ending::Exited(_) | Ending::Signalled(_) | Ending::Interrupted(_) => {}
        Ending::Refused(refusal) => {
            let rule = refusal.rule.as_deref().map_or_else(|| "the policy's default".to_owned(), |rule| format!("rule `{rule}`"));
            complain(&format!("{program}: refused by {rule}: {}", refusal.reason));
        }
        Ending::NotFound => complain(&format!("{program}: there is no such program: check its name and $PATH")),
        Ending::NotRun { failure, .. } => complain(&format!("{program}: cannot be run: {failure}")),
        Ending::Failed(error) => complain(&format!("{program}: {error}")),
    }
}

pub(super) fn exit_code(ending: &Ending) -> ExitCode {
    ExitCode::from(u8::try_from(ending.exit_code() & 0xff).unwrap_or(super::output::FAILED))
}

#[derive(serde::Serialize)]
struct Json<'a> {
    exit_code: i32,
    #[serde(flatten)]
    summary: &'a app::Summary,
}

fn as_json(report: &RunReport) -> anyhow::Result<String> {
    let mut text = serde_json::to_string(&Json { exit_code: report.ending.exit_code(), summary: &report.summary })?;
    text.push('\n');
    Ok(text)
}
