//! The web console in Debian's chromium, through playwright, with axe.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::run::support::AGENTSH;
use crate::sessions::rig::Server;

/// Where `scripts/peers.sh` puts the packages of `tests/console/package-lock.json`, if it did, and the browser.
fn tools(test: &str) -> Option<(PathBuf, &'static str)> {
    let folder = std::env::var_os("TEST_PEERS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers"), PathBuf::from)
        .join("console");
    let chromium = "/usr/bin/chromium";
    let node = Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success());
    for (what, is_there) in [
        ("node", node),
        ("chromium", Path::new(chromium).exists()),
        ("playwright-core", folder.join("node_modules/playwright-core").exists()),
        ("axe-core", folder.join("node_modules/axe-core").exists()),
    ] {
        if !is_there {
            eprintln!("skipped: {test}: {what} is not there; `make test-peers` installs it");
            return None;
        }
    }
    Some((folder, chromium))
}

#[test]
fn the_console_works_in_a_browser() {
    let Some((modules, chromium)) = tools("the_console_works_in_a_browser") else { return };
    let server = Server::start();
    let session = server.create();
    let hostile = "hostile<img src=x onerror=alert(1)>\u{202e}txt\u{200b}\u{1b}[31m";
    let script =
        format!("mkdir src; for n in 1 2 3; do echo $n > src/part-$n; done; cat src/part-1; rm src/part-2; echo x > '{hostile}'");
    let ran = server.shell(&session, &script);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let first = server.info(&session)["first_seq"].as_u64().unwrap();
    let base = format!("http://{}", server.http());
    let config = server.place.folder().join("empty.yaml");
    std::fs::write(&config, "").unwrap();
    let pictures = std::env::var("CONSOLE_PICTURES").ok();
    let plan = json!({
        "base": base,
        "modules": modules,
        "chromium": chromium,
        "session": session,
        "event": first + 3,
        "exec": [AGENTSH, "exec", "--server", server.http(), session, "--"],
        "env": {"AGENTSH_TRANSPORT": "http", "AGENTSH_CONFIG": config, "HOME": server.place.folder()},
        "folder": pictures,
        "pictures": pictures.as_ref().map(|_| json!([["session", "light"], ["session", "narrow"], ["attack", "dark"], ["sessions", "light"]])),
    });
    let file = server.place.folder().join("plan.json");
    std::fs::write(&file, plan.to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/console/console.mjs");
    let output = Command::new("node").arg(script).arg(&file).output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.contains("ok no error in the console, no request to another host"), "{said}\n{errors}");
}
