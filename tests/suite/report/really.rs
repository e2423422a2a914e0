//! A session that really ran, through the program.

use std::process::{Command, Output};

use serde_json::Value;

fn agentsh(data: &std::path::Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_agentsh")).arg("--data-dir").arg(data).args(arguments).output().unwrap()
}

#[test]
fn a_session_that_ran_is_reported_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let (data, work) = (folder.path().join("data"), folder.path().join("work"));
    std::fs::create_dir(&work).unwrap();
    let workspace = work.to_str().unwrap();
    let script = "echo one > kept.txt; echo two > gone.txt; rm gone.txt; false";
    let ran = Command::new(env!("CARGO_BIN_EXE_agentsh"))
        .arg("--data-dir")
        .arg(&data)
        .args(["run", "--quiet", "--workspace", workspace, "--", "sh", "-c", script])
        .current_dir(&work)
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(1), "{}", String::from_utf8_lossy(&ran.stderr));
    let json: Value = serde_json::from_slice(&agentsh(&data, &["report", "--format", "json", "--verify"]).stdout).unwrap();
    assert_eq!(json["commands"]["first"][0]["argv"][0], "sh");
    assert_eq!(json["commands"]["first"][0]["exit_code"], 1);
    assert_eq!(json["integrity"]["journal_whole"], true);
    assert_eq!(json["events"], json["kinds"].as_object().unwrap().values().map(|times| times.as_u64().unwrap()).sum::<u64>());
    let watched =
        json["layers"].as_array().unwrap().iter().any(|layer| layer["layer"] == "fuse" && layer["state"] == "enforcing");
    if watched {
        let changed: Vec<&str> =
            json["changes"]["first"].as_array().unwrap().iter().map(|change| change["path"].as_str().unwrap()).collect();
        assert!(
            changed.iter().any(|path| path.ends_with("/kept.txt")) && !changed.iter().any(|path| path.ends_with("/gone.txt")),
            "{changed:?}"
        );
        assert_eq!(json["transient"], 1);
    } else {
        eprintln!("skipped: what became of the files: the workspace cannot be watched here");
    }
    for (form, begins) in [("text", "Session s"), ("md", "# Session s"), ("html", "<!DOCTYPE html>")] {
        let output = agentsh(&data, &["report", "last", "--format", form]);
        assert!(output.status.success(), "{form}");
        assert!(String::from_utf8(output.stdout).unwrap().starts_with(begins), "{form}");
    }
    let unknown = agentsh(&data, &["report", "nothing-like-it"]);
    assert_eq!(unknown.status.code(), Some(125));
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("no session is named"));
}
