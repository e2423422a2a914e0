//! `agentsh detect rules`: what is used, what is wrong with it, adding and removing.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::app::detect::{DetectConfig, Engine as _, Fault, SigmaEngine, add, engine, engine_of, remove};
use crate::cli::output::{Exit, Output, printable};
use crate::query::DataDir;

/// `agentsh detect rules …`.
#[derive(Clone, Debug, Subcommand)]
pub enum RulesCommand {
    /// The rules, with level, techniques and the file that each came from.
    List(ListArgs),
    /// What is wrong with rules, with file and line. Exit code 1 if anything is.
    Check(CheckArgs),
    /// Copy a file or a folder of Sigma rules into the data directory; running processes use it from their next start.
    Add(PathArgs),
    /// Remove what was added, by its name or by the id of a rule.
    Remove(NameArgs),
}

/// `agentsh detect rules list`.
#[derive(Clone, Debug, Default, Args)]
pub struct ListArgs {
    /// Print one JSON array.
    #[arg(long)]
    pub json: bool,
}

/// `agentsh detect rules check`.
#[derive(Clone, Debug, Default, Args)]
pub struct CheckArgs {
    /// Files and folders to check alone [default: every rule that would be used].
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// A file or a folder.
#[derive(Clone, Debug, Args)]
pub struct PathArgs {
    /// A file that ends with .yml or .yaml, or a folder that holds some.
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// A name.
#[derive(Clone, Debug, Args)]
pub struct NameArgs {
    /// Name of the file or folder as it was added, or the id of a rule in it.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(
    command: &RulesCommand,
    config: &DetectConfig,
    data_dir: &DataDir,
    out: &mut Output<'_>,
) -> anyhow::Result<Exit> {
    match command {
        RulesCommand::List(args) => list(&engine(config, data_dir)?, args.json, out),
        RulesCommand::Check(args) if args.paths.is_empty() => check(&engine(config, data_dir)?, args.json, out),
        RulesCommand::Check(args) => check(&only(&args.paths)?, args.json, out),
        RulesCommand::Add(args) => {
            let added = add(&std::path::absolute(&args.path)?, config, data_dir)?;
            if args.json {
                let faults: Vec<_> = added.faults.iter().map(json_of).collect();
                let (path, files) = (added.path.display().to_string(), added.files);
                let (rules, reached) = (added.rules, added.reached);
                let object =
                    serde_json::json!({"path": path, "files": files, "rules": rules, "reached": reached, "faults": faults});
                writeln!(out, "{object}")?;
                return Ok(Exit::Done);
            }
            for fault in &added.faults {
                out.say(printable(&fault.to_string()))?;
            }
            writeln!(
                out,
                "added {}: {} rules in {} files, {} of them are reached by events",
                printable(&added.path.display().to_string()),
                added.rules,
                added.files,
                added.reached
            )?;
            Ok(Exit::Done)
        }
        RulesCommand::Remove(args) => {
            let removed = remove(&args.name, data_dir)?.display().to_string();
            if args.json {
                writeln!(out, "{}", serde_json::json!({"removed": removed}))?;
            } else {
                writeln!(out, "removed {}", printable(&removed))?;
            }
            Ok(Exit::Done)
        }
    }
}

fn json_of(fault: &Fault) -> serde_json::Value {
    let Fault { file, line, rule, reason, refused } = fault;
    serde_json::json!({"file": file, "line": line, "rule": rule, "reason": reason, "refused": refused})
}

/// The rules of these files and folders and no other.
pub(super) fn only(paths: &[PathBuf]) -> anyhow::Result<SigmaEngine> {
    let paths: Result<Vec<PathBuf>, _> = paths.iter().map(std::path::absolute).collect();
    Ok(engine_of(&paths?)?)
}

fn list(engine: &SigmaEngine, json: bool, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    if json {
        let rules: Vec<_> = engine
            .rules()
            .iter()
            .map(|rule| {
                serde_json::json!({
                    "id": rule.id, "title": rule.title, "level": rule.level, "techniques": rule.techniques,
                    "tactics": rule.tactics, "log_source": rule.source, "file": rule.file, "used": rule.fed,
                })
            })
            .collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&rules)?)?;
        return Ok(Exit::Done);
    }
    let palette = out.palette();
    writeln!(out, "{}", palette.dim(format!("{:<13}  {:<24}  {:<22}  RULE", "LEVEL", "LOG SOURCE", "TECHNIQUES")))?;
    for rule in engine.rules() {
        let techniques: Vec<&str> = rule.techniques.iter().map(|technique| technique.as_str()).collect();
        let unused = if rule.fed { "" } else { "  (no event of ours reaches it)" };
        let (level, source, title) = (rule.level, printable(&rule.source), printable(&rule.title));
        writeln!(out, "{level:<13}  {source:<24}  {:<22}  {title}{unused}", techniques.join(" "))?;
    }
    let used = engine.rules().iter().filter(|rule| rule.fed).count();
    out.note(format!("{} rules, {used} of them are reached by events", engine.rules().len()))?;
    if !engine.faults().is_empty() {
        out.note(format!("{} things are not in order: agentsh detect rules check", engine.faults().len()))?;
    }
    Ok(Exit::Done)
}

fn check(engine: &SigmaEngine, json: bool, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    let exit = if engine.faults().is_empty() { Exit::Done } else { Exit::NotInOrder };
    if json {
        let faults: Vec<_> = engine.faults().iter().map(json_of).collect();
        writeln!(out, "{}", serde_json::json!({"rules": engine.rules().len(), "faults": faults}))?;
        return Ok(exit);
    }
    let palette = out.palette();
    for fault in engine.faults() {
        let word = if fault.refused { palette.red("refused") } else { palette.yellow("wrong") };
        writeln!(out, "{word}  {}", printable(&fault.to_string()))?;
    }
    let (rules, faults) = (engine.rules().len(), engine.faults().len());
    if faults == 0 {
        writeln!(out, "ok: {rules} rules")?;
    } else {
        writeln!(out, "{faults} faults; {rules} rules are loaded")?;
    }
    Ok(exit)
}
