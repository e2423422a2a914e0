//! The journal into Parquet, beside pyarrow and DuckDB writing the same rows; bytes for each event of a recorded build.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use agentsh::event::Event;
use agentsh::journal::{DataDir, Journal, JournalConfig, Page, ReaderStore};
use agentsh::sink::parquet::{ParquetConfig, ParquetDestination};
use agentsh::sink::{Destination as _, Flush};

use crate::{load, median};

const ROUNDS: usize = 5;

pub fn run(folder: &Path) -> String {
    let build = folder.join("lake-build");
    let synthetic = folder.join("lake-synthetic");
    record_a_build(&build, 40);
    make_a_journal(&synthetic);
    let mut text = String::from(
        "A journal read from SQLite and sealed into Parquet (typed columns, statistics, bloom filters, fsync) by two threads. Build: \
         `make` of 60 C files, recorded whole, again and again. Synthetic: half `file_open`, half `file_close`. pyarrow and DuckDB \
         write the same rows, which they hold in memory already, with zstd at the same level into one file (no bloom filters, no \
         leaf tree); pyarrow on one thread, DuckDB on two.\n\n\
         | rows | zstd | events | agentsh, events/s | pyarrow, rows/s | DuckDB, rows/s | bytes/event | with `leaves` |\n|---|---|---|---|---|---|---|---|\n",
    );
    for (name, journal) in [("build", &build), ("synthetic", &synthetic)] {
        for level in [1, 3, 6] {
            let lake = folder.join("lake");
            let config = ParquetConfig { path: Some(lake.clone()), zstd_level: level, ..ParquetConfig::default() };
            let mut rates = Vec::new();
            let (mut events, mut bytes) = (0, 0);
            for _round in 0..ROUNDS {
                let _ = std::fs::remove_dir_all(&lake);
                let started = Instant::now();
                events = deliver(journal, config.clone());
                rates.push(events as f64 / started.elapsed().as_secs_f64());
                bytes = size(&lake);
            }
            let peers = peers(&lake, level);
            let _ = std::fs::remove_dir_all(&lake);
            deliver(journal, ParquetConfig { leaves: true, ..config });
            let with_leaves = size(&lake);
            text += &format!(
                "| {name} | {level} | {events} | {:.0} | {} | {} | {:.1} | {:.1} |\n",
                median(&rates),
                peers.first().map_or("–", String::as_str),
                peers.get(1).map_or("–", String::as_str),
                bytes as f64 / events as f64,
                with_leaves as f64 / events as f64,
            );
        }
    }
    text
}

/// Seals a journal into a lake; the last `seq` that is sealed.
pub fn deliver(journal: &Path, config: ParquetConfig) -> u64 {
    let data_dir = DataDir::at(journal);
    let store = ReaderStore::open(&data_dir.journal()).unwrap();
    let mut destination = ParquetDestination::new(config, data_dir);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut page = Page::default();
    let mut at = runtime.block_on(destination.resume(0)).unwrap();
    loop {
        store.page(at, &[], 10_000, &mut page).unwrap();
        let Some(last) = page.last_seq() else { break };
        runtime.block_on(destination.deliver(&page)).unwrap();
        at = last;
    }
    assert_eq!(runtime.block_on(destination.flush(Flush::Close)).unwrap(), at);
    at
}

/// Bytes of all files.
fn size(lake: &Path) -> u64 {
    let folders = std::fs::read_dir(lake).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let files =
        folders.flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()));
    files.sum()
}

fn peers(lake: &Path, level: u8) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let venv = std::env::var_os("TEST_PEERS").map_or_else(|| root.join("target/peers"), PathBuf::from);
    let output = Command::new(venv.join("bin/python"))
        .arg(root.join("tests/peers/lake_write.py"))
        .arg(lake)
        .arg(level.to_string())
        .output();
    match output {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Records `make` of 60 C files, so many times, into a data directory.
pub fn record_a_build(data_dir: &Path, times: u32) {
    let workspace = data_dir.with_extension("workspace");
    let _ = std::fs::remove_dir_all(data_dir);
    let _ = std::fs::remove_dir_all(&workspace);
    std::fs::create_dir_all(workspace.join("include")).unwrap();
    for number in 0..40 {
        let header = format!("#pragma once\nint f{number}(int);\n");
        std::fs::write(workspace.join(format!("include/part_{number}.h")), header).unwrap();
    }
    for number in 0..60 {
        let mut source: String = (0..20).map(|part| format!("#include \"part_{}.h\"\n", (number + part) % 40)).collect();
        source += &format!("int g{number}(int x) {{ return x + f{}(x); }}\n", number % 40);
        std::fs::write(workspace.join(format!("unit_{number}.c")), source).unwrap();
    }
    let makefile = "O := $(patsubst %.c,%.o,$(wildcard *.c))\nlib.a: $(O)\n\tar rcs $@ $^\n%.o: %.c\n\tcc -Iinclude -c -o $@ $<\n\
                    clean:\n\trm -f $(O) lib.a\n";
    std::fs::write(workspace.join("Makefile"), makefile).unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_agentsh"))
        .args(["run", "--data-dir"])
        .arg(data_dir)
        .arg("--workspace")
        .arg(&workspace)
        .args(["--", "sh", "-c", &format!("for i in $(seq {times}); do make -s -j2 && make -s clean; done")])
        // `make` must find the project's own Makefile.
        .current_dir(&workspace)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    let _ = std::fs::remove_dir_all(&workspace);
}

fn make_a_journal(data_dir: &Path) {
    let _ = std::fs::remove_dir_all(data_dir);
    let journal = Journal::open(data_dir, &JournalConfig::default()).unwrap();
    for number in 0..400_000_u64 {
        let payload = if number % 2 == 0 { load::open(number) } else { load::close(number) };
        let event: Event = load::event(payload, None);
        journal.channel().publish(&event);
    }
    assert!(journal.flush());
    journal.close().unwrap();
}
