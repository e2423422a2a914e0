//! How much room a recorded build takes.

use std::process::{Command, Stdio};

use agentsh::event::{Kind, Layer, LayerState, Payload};
use agentsh::journal::{Condition, DataDir, ReaderStore, StoreError};
use agentsh::sink::parquet::ParquetConfig;

use super::rig::{assert_equal_to_journal, deliver_all, files, place};
use crate::support::has_program;

/// A C project of 30 units that include 20 headers each.
fn project(workspace: &std::path::Path) {
    std::fs::create_dir_all(workspace.join("include")).unwrap();
    for number in 0..40 {
        std::fs::write(workspace.join(format!("include/part_{number}.h")), format!("int f{number}(int);\n")).unwrap();
    }
    for number in 0..30 {
        let mut source: String = (0..20).map(|part| format!("#include \"part_{}.h\"\n", (number + part) % 40)).collect();
        source += &format!("int g{number}(int x) {{ return x + f{}(x); }}\n", number % 40);
        std::fs::write(workspace.join(format!("unit_{number}.c")), source).unwrap();
    }
    let makefile = "O := $(patsubst %.c,%.o,$(wildcard *.c))\nlib.a: $(O)\n\tar rcs $@ $^\n%.o: %.c\n\tcc -Iinclude -c -o $@ $<\n\
                    clean:\n\trm -f $(O) lib.a\n";
    std::fs::write(workspace.join("Makefile"), makefile).unwrap();
}

/// Of the layers that a build is told by, those that this machine does not have, and why.
fn absent_layers(root: &std::path::Path) -> Vec<String> {
    let store = ReaderStore::open(&DataDir::at(root).journal()).unwrap();
    let mut absent = Vec::new();
    let reports = [Condition::Kinds(vec![Kind::CapabilityReport])];
    let read = store.rows::<StoreError>(0, &reports, None, |row| {
        if let Payload::CapabilityReport(report) = row.to_event().unwrap().event.payload {
            let of_a_build = report.layers.into_iter().filter(|layer| matches!(layer.layer, Layer::Fuse | Layer::Exec));
            let missing = of_a_build.filter(|layer| layer.state == LayerState::Absent);
            absent.extend(missing.map(|layer| format!("{}: {}", layer.layer.as_str(), layer.reason.unwrap_or_default())));
        }
        Ok(std::ops::ControlFlow::Continue(()))
    });
    read.unwrap();
    absent
}

#[test]
fn a_recorded_build_takes_fewer_than_40_bytes_an_event() {
    let test = "a_recorded_build_takes_fewer_than_40_bytes_an_event";
    if !(has_program("make", test) && has_program("cc", test)) {
        return;
    }
    let place = place();
    let workspace = place.folder.path().join("project");
    project(&workspace);
    let output = Command::new(env!("CARGO_BIN_EXE_agentsh"))
        .args(["run", "--data-dir"])
        .arg(&place.root)
        .arg("--workspace")
        .arg(&workspace)
        .args(["--", "sh", "-c", "for i in 1 2 3 4; do make -s && make -s clean || exit 1; done"])
        // `make` must find the project's own Makefile.
        .current_dir(&workspace)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let config = ParquetConfig { path: Some(place.lake.clone()), ..ParquetConfig::default() };
    let events = deliver_all(&place.root, config);
    if events < 5_000 {
        let absent = absent_layers(&place.root);
        assert!(!absent.is_empty(), "files and programs are watched here, and a build gave {events} events only: {said}");
        eprintln!("skipped: {test}: {}", absent.join("; "));
        return;
    }
    let bytes: u64 = files(&place.lake).iter().map(|name| place.lake.join(name).metadata().unwrap().len()).sum();
    eprintln!("{events} events, {:.1} bytes each", bytes as f64 / events as f64);
    assert!(bytes < 40 * events, "{bytes} bytes for {events} events");
    assert_equal_to_journal(&place.root, &place.lake);
}
