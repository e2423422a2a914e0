//! The measurement: every test told or run, then the rules asked.

use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::{atomic, benign, sandbox, score, told};
use agentsh::app::detect::{Fired, SigmaEngine, TrialError, trial};
use agentsh::detect::BUILT_IN;
use agentsh::detect::sigma::{Limits, Rules, Source};
use agentsh::event::{Payload, TechniqueId};

/// A detection: rule, level, techniques.
pub struct Seen {
    pub title: String,
    pub level: String,
    pub techniques: Vec<String>,
}

/// The folder of test data that lies beside the project: `SHARED_DATA`, or `shared/data` in a folder above.
pub fn shared() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("SHARED_DATA") {
        return Some(PathBuf::from(named));
    }
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("shared/data")).find(|folder| folder.is_dir())
}

pub fn own() -> Vec<Source> {
    BUILT_IN.iter().map(|(name, text)| Source { file: (*name).to_owned(), text: (*text).to_owned() }).collect()
}

/// Every rule file beneath a folder.
pub fn beneath(folder: &Path, sources: &mut Vec<Source>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            beneath(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "yml") {
            sources.push(Source { file: path.display().to_string(), text: std::fs::read_to_string(&path).unwrap() });
        }
    }
}

/// What an engine says of events, as JSON Lines.
fn look(engine: &mut SigmaEngine, lines: &str) -> Vec<Seen> {
    let mut seen = Vec::new();
    let read = trial::<TrialError>(engine, BufReader::new(lines.as_bytes()), |fired: Fired| {
        if let Payload::Detection(detection) = fired.detection.payload {
            let techniques = detection.techniques.iter().map(TechniqueId::as_str).map(str::to_owned).collect();
            seen.push(Seen { title: detection.title, level: detection.level, techniques });
        }
        Ok(())
    });
    if let Err(error) = read {
        eprintln!("events that cannot be read: {error}");
    }
    seen
}

pub fn run(folder: &Path) -> String {
    let Some(shared) = shared() else {
        return "skipped: the atomic tests (`shared/data/atomic/linux.jsonl`) are not on this machine\n".to_owned();
    };
    let tests = atomic::load(&shared.join("atomic/linux.jsonl"));
    let excluded = atomic::excluded();
    let box_works = sandbox::works(folder);
    if let Err(reason) = &box_works {
        eprintln!("skipped: really running the tests: {reason}");
    }
    let (mut recorded, mut lines) = (0, Vec::new());
    for test in &tests {
        let may = !test.elevated && !test.needs_dependencies && !excluded.contains_key(test.guid.as_str());
        let events = if may && box_works.is_ok() { sandbox::record(folder, test) } else { None };
        recorded += usize::from(events.is_some());
        lines.push(events.unwrap_or_else(|| told::events(test)));
    }
    let mut text = format!(
        "{} Linux tests of Atomic Red Team; {recorded} really ran, each in a sandbox of its own, the others are told as the processes that \
         they start ({} that could run are left out, see `benches/performance/quality/excluded.tsv`). *Exact*: some detection has the test's \
         own technique. *Parent*: some detection has the technique, its parent or a sibling. *Precision*: of the techniques of all detections, counted once \
         for a test, those that equal the test's or share its parent.\n\n| rules | tests | exact | parent | precision |\n|---|---|---|---|---|\n",
        tests.len(),
        excluded.len(),
    );
    let mut both = own();
    beneath(&shared.join("sigma/rules/linux"), &mut both);
    let mut theirs = Vec::new();
    beneath(&shared.join("sigma/rules/linux"), &mut theirs);
    for (name, sources) in [("the program's own", own()), ("SigmaHQ's for Linux", theirs), ("both", both)] {
        let mut engine = SigmaEngine::new(Rules::read(&sources, Limits::default()));
        let found: Vec<Vec<Seen>> = lines.iter().map(|lines| look(&mut engine, lines)).collect();
        text += &score::table(name, &tests, &found);
        if name == "the program's own" {
            score::tell(&tests, &found);
        }
    }
    let mut engine = SigmaEngine::new(Rules::read(&own(), Limits::default()));
    text += &benign::table(folder, |lines| look(&mut engine, lines));
    text
}
