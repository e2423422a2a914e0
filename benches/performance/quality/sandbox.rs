//! Runs one test in a root of its own: user, mount, pid and network namespaces, no interface but `lo`, the system read-only beneath
//! `/usr`, copies in memory of everything else. Nothing of this machine changes, and nothing is left.

use std::path::Path;
use std::process::{Command, Stdio};

use super::atomic::Test;

/// Seconds that a test may take.
const SECONDS: &str = "20";

fn enter(folder: &Path, script: &Path, out: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.args([
        "--signal=KILL",
        SECONDS,
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "--pid",
        "--net",
        "--fork",
        "--kill-child",
    ]);
    command.arg("sh").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/performance/quality/sandbox.sh"));
    command.arg(folder.join("root")).arg(env!("CARGO_BIN_EXE_agentsh")).arg(script).arg(out);
    command.stdin(Stdio::null());
    command
}

/// Whether this machine can make such a root.
///
/// # Errors
/// Why not.
pub fn works(folder: &Path) -> Result<(), String> {
    let script = folder.join("probe.sh");
    std::fs::write(&script, "true").unwrap();
    let done = enter(folder, &script, &folder.join("probe.jsonl")).output().map_err(|error| error.to_string())?;
    let _ = std::fs::remove_file(&script);
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).trim().to_owned()) }
}

/// The events of a test, as JSON Lines; `None` when nothing was recorded.
pub fn record(folder: &Path, test: &Test) -> Option<String> {
    let script = folder.join("test.sh");
    let out = folder.join("test.jsonl");
    let _ = std::fs::remove_file(&out);
    std::fs::write(&script, format!("#!{}\n{}", test.shell(), test.command)).unwrap();
    std::fs::write(&out, "").unwrap();
    let done = enter(folder, &script, &out).stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    let events = std::fs::read_to_string(&out).ok()?;
    if events.lines().any(|line| line.contains("\"process_exec\"")) {
        return Some(events);
    }
    eprintln!("not recorded ({done}): {} {}", test.technique, test.name);
    None
}
