//! Ordinary work of developers, really recorded: what the rules say of it is false.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Seen;

/// Name, the program without which it is skipped, and what is run.
const WORK: [(&str, &str, &str); 5] = [
    (
        "cargo build and test",
        "cargo",
        "cargo init --quiet --name small . && echo 'fn main() { println!(\"{}\", 6 * 7); } #[test] fn t() { assert_eq!(6 * 7, 42); }' > src/main.rs && cargo build --offline --quiet && cargo test --offline --quiet && cargo clean --quiet",
    ),
    (
        "git session",
        "git",
        "git init --quiet . && git config user.email a@example.net && git config user.name a && echo one > a && git add a && git commit --quiet -m one && git checkout --quiet -b other && echo two >> a && git commit --quiet -am two && git log --oneline && git diff HEAD~1 && git checkout --quiet - && git merge --quiet other && git clone --quiet . ../clone && rm -rf ../clone && git gc --quiet",
    ),
    (
        "npm install from a folder",
        "npm",
        "mkdir lib app && echo '{\"name\":\"lib\",\"version\":\"1.0.0\",\"scripts\":{\"postinstall\":\"node -e 1\"}}' > lib/package.json && echo '{\"name\":\"app\",\"version\":\"1.0.0\",\"scripts\":{\"test\":\"node -e 1\"}}' > app/package.json && cd app && npm install --offline --no-audit --no-fund ../lib && npm test && rm -rf node_modules",
    ),
    ("pytest", "pytest", include_str!("pytest.sh")),
    (
        "make and a compiler",
        "make",
        "printf 'int main(void){return 0;}\\n' > main.c && printf 'main: main.o\\n\\tcc -o main main.o\\nmain.o: main.c\\n\\tcc -c main.c\\n' > Makefile && make -s && ./main && rm -f main main.o && grep -rn main . | head -3 && sed -i s/0/1/ main.c && tar -cf ../src.tar . && tar -tf ../src.tar && python3 -c 'import json; print(json.dumps([1]))' && find . -name '*.c' && ls -la && cat Makefile | wc -l",
    ),
];

/// Where programs are looked for: also where `scripts/benign.sh` has put some.
fn path() -> String {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/benign/bin");
    format!("{}:{}", std::env::var("PATH").unwrap_or_default(), installed.display())
}

pub fn table(folder: &Path, mut look: impl FnMut(&str) -> Vec<Seen>) -> String {
    let mut text = "\nOrdinary work, really recorded; every detection in it is false:\n\n| work | events | detections | of them high or critical | rules |\n|---|---|---|---|---|\n".to_owned();
    for (name, program, script) in WORK {
        let present =
            Command::new("sh").args(["-c", "command -v \"$0\"", program]).env("PATH", path()).stdout(Stdio::null()).status();
        if !present.is_ok_and(|status| status.success()) {
            text += &format!("| {name} | skipped: `{program}` is not on this machine | | | |\n");
            continue;
        }
        let place = folder.join("benign");
        let _ = std::fs::remove_dir_all(&place);
        let (work, data) = (place.join("work"), place.join("data"));
        std::fs::create_dir_all(&work).unwrap();
        let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/policies/observe.yaml");
        let mut run = Command::new(env!("CARGO_BIN_EXE_agentsh"));
        run.args(["run", "--quiet", "--policy"]).arg(policy).arg("--data-dir").arg(&data).arg("--workspace").arg(&work);
        run.args(["--", "sh", "-c", script])
            .env("PATH", path())
            .current_dir(&work)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let done = run.status().unwrap();
        let mut events = Command::new(env!("CARGO_BIN_EXE_agentsh"));
        let events = events.args(["events", "--format", "jsonl", "--data-dir"]).arg(&data).output().unwrap();
        let lines = String::from_utf8_lossy(&events.stdout);
        let seen = look(&lines);
        let grave = seen.iter().filter(|seen| matches!(seen.level.as_str(), "high" | "critical")).count();
        let mut rules: BTreeMap<String, usize> = BTreeMap::new();
        for seen in &seen {
            *rules.entry(format!("{} ({})", seen.title, seen.level)).or_default() += 1;
        }
        let rules: Vec<String> = rules.into_iter().map(|(rule, times)| format!("{rule} {times}×")).collect();
        let failed = if done.success() { String::new() } else { format!(" (it ended with {done})") };
        text += &format!("| {name}{failed} | {} | {} | {grave} | {} |\n", lines.lines().count(), seen.len(), rules.join(", "));
        let _ = std::fs::remove_dir_all(&place);
    }
    text
}
