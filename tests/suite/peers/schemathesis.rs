//! schemathesis (PyPI) against a server with a recorded journal: what the document promises is what is answered.

use std::process::Command;

use agentsh::serve::auth::ROUTES;

use crate::peers::python_with;
use crate::sessions::rig::Server;

#[test]
fn schemathesis_finds_no_fault_and_no_undocumented_answer() {
    let Some(python) = python_with("schemathesis", "schemathesis") else { return };
    let server = Server::start();
    let session = server.create();
    let ran = server.shell(&session, "echo hello > file; cat file; mkdir d; rm file; true");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    server.end(&session, &[]);
    let base = format!("http://{}", server.http());
    // Every method, also what changes something: sessions are in no phase handed on, so that a generated command has none to run in. Texts such as a
    // question, an expression or a time have a grammar that a schema does not say, so that what follows the schema may be refused.
    let output = Command::new(python.with_file_name("schemathesis"))
        .args(["run", &format!("{base}/api/openapi.json"), "--url", &base])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            "40",
            "--seed",
            "1",
            "--exclude-checks",
            "positive_data_acceptance",
        ])
        .args(["--request-timeout", "20", "--no-color", "--generation-database", "none"])
        .current_dir(server.place.folder())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    // Every operation was called but the document, from which it has the others, and every call was answered as that says. What it warns of is what it
    // was not given.
    let number = |label: &str| said.lines().find_map(|line| line.trim().strip_prefix(label)?.trim().parse::<usize>().ok());
    assert_eq!(number("Tested:"), Some(ROUTES.len() - 1), "{said}");
    let cases = said.lines().find_map(|line| line.trim().split_once(" generated, ")).expect("it says how many cases there were");
    assert_eq!(cases.1.strip_suffix(" passed"), Some(cases.0), "{said}");
}
