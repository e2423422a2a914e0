//! `docs/performance.md`: prose that people write, and between markers the numbers that this program writes.

use std::path::PathBuf;

pub struct Report {
    path: PathBuf,
    text: String,
}

impl Report {
    pub fn load() -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/performance.md");
        let text = std::fs::read_to_string(&path).unwrap();
        Self { path, text }
    }

    /// Replaces what stands between `<!-- bench: name -->` and `<!-- end -->`.
    pub fn replace(&mut self, name: &str, text: &str) {
        let begin = format!("<!-- bench: {name} -->");
        let from = self.text.find(&begin).expect("docs/performance.md has a marker for each section") + begin.len();
        let to = from + self.text[from..].find("<!-- end -->").expect("the marker has an end");
        let when = jiff::Zoned::now().strftime("%Y-%m-%d");
        let machine = machine();
        self.text.replace_range(from..to, &format!("\n\n_{when}, {machine}_\n\n{text}\n"));
    }

    pub fn save(&self) {
        std::fs::write(&self.path, &self.text).unwrap();
    }
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or("")
        .trim_start_matches([':', ' ', '\t'])
        .to_owned();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.trim().split('-').next().unwrap_or("").to_owned();
    format!("{cores} cores, {model}, Linux {kernel}")
}
