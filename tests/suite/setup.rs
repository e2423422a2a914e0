//! Tests: setup: what `scripts/setup.sh` does on machines that lack something, made of stand-ins for their tools.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A machine whose PATH holds only these tools.
struct Machine {
    folder: TempDir,
}

/// How the script ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    text: String,
    /// What was asked of apt-get, a line for each call.
    apt: String,
}

impl Machine {
    /// A machine where everything is there, with root at the keyboard.
    fn complete() -> Self {
        let machine = Self { folder: TempDir::new().unwrap() };
        fs::create_dir(machine.folder.path().join("bin")).unwrap();
        for tool in ["sed", "sort", "head", "tr", "dirname", "env", "chmod", "cp"] {
            let real = ["/usr/bin", "/bin"].iter().map(|folder| Path::new(folder).join(tool)).find(|path| path.exists()).unwrap();
            symlink(real, machine.tool(tool)).unwrap();
        }
        for tool in ["curl", "sqlite3", "tmux", "git", "python3", "setpriv", "unshare"] {
            machine.put(tool, "exit 0");
        }
        machine.put("cc", "exit 0");
        machine.put("id", "echo 0");
        machine.put("cargo", "echo 'cargo 1.95.0 (f2d3ce0bd 2026-03-21)'");
        // Installing a package puts a tool of its name in place.
        let bin = machine.folder.path().join("bin");
        let log = machine.folder.path().join("apt.log");
        machine.put(
            "apt-get",
            &format!(
                "echo \"$*\" >>'{log}'\nfor word in \"$@\"; do\ncase $word in sqlite3 | curl | git) \
                 printf '#!/bin/sh\\nexit 0\\n' >'{bin}/'$word; chmod 755 '{bin}/'$word ;; esac\ndone",
                log = log.display(),
                bin = bin.display()
            ),
        );
        machine
    }

    fn tool(&self, name: &str) -> PathBuf {
        self.folder.path().join("bin").join(name)
    }

    fn put(&self, name: &str, script: &str) {
        fs::write(self.tool(name), format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(self.tool(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn without(self, tools: &[&str]) -> Self {
        for tool in tools {
            fs::remove_file(self.tool(tool)).unwrap();
        }
        self
    }

    fn with(self, tool: &str, script: &str) -> Self {
        self.put(tool, script);
        self
    }

    fn run(&self, purpose: &str) -> Ended {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/setup.sh");
        let output = Command::new("/bin/sh")
            .arg(script)
            .arg(purpose)
            .env_clear()
            .env("PATH", self.folder.path().join("bin"))
            .env("HOME", self.folder.path())
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        let apt = fs::read_to_string(self.folder.path().join("apt.log")).unwrap_or_default();
        Ended { code: output.status.code(), text, apt }
    }
}

#[test]
fn a_machine_that_has_everything_is_left_alone() {
    for purpose in ["build", "demo", "test"] {
        let ended = Machine::complete().run(purpose);
        assert_eq!((ended.code, ended.text.as_str(), ended.apt.as_str()), (Some(0), "", ""), "{purpose}");
    }
}

#[test]
fn root_gets_what_is_missing_and_no_more() {
    let machine = Machine::complete().without(&["sqlite3", "git"]);
    let ended = machine.run("test");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.apt, "update -qq\ninstall -y -qq --no-install-recommends sqlite3 git\n");
    let again = machine.run("test");
    assert_eq!((again.code, again.text.as_str(), &again.apt), (Some(0), "", &ended.apt), "nothing is done twice");
    let demo = Machine::complete().without(&["sqlite3", "git"]).run("demo");
    assert_eq!((demo.code, demo.apt.as_str()), (Some(0), ""), "the demo needs neither");
}

#[test]
fn a_user_who_may_use_sudo_gets_it_through_sudo() {
    let machine =
        Machine::complete().without(&["curl"]).with("id", "echo 1000").with("sudo", "[ \"$1\" = -n ] && exit 0\nexec \"$@\"");
    let ended = machine.run("demo");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.apt.contains("install -y -qq --no-install-recommends curl"), "{ended:?}");
}

#[test]
fn anyone_else_is_told_exactly_what_to_install() {
    let forbidden = Machine::complete().without(&["sqlite3"]).with("id", "echo 1000").with("sudo", "exit 1");
    for machine in [Machine::complete().without(&["sqlite3"]).with("id", "echo 1000"), forbidden] {
        let ended = machine.run("test");
        assert_eq!((ended.code, ended.apt.as_str()), (Some(1), ""));
        assert!(ended.text.contains("apt-get update && apt-get install -y --no-install-recommends sqlite3"), "{}", ended.text);
    }
    let foreign = Machine::complete().without(&["sqlite3", "apt-get"]).run("test");
    assert_eq!(foreign.code, Some(1));
    assert!(foreign.text.contains("are missing: sqlite3"), "{}", foreign.text);
}

#[test]
fn a_compiler_that_finds_no_c_library_counts_as_missing() {
    let ended = Machine::complete().with("cc", "exit 1").with("id", "echo 1000").run("build");
    assert_eq!(ended.code, Some(1));
    assert!(ended.text.contains("gcc libc6-dev"), "{}", ended.text);
}

#[test]
fn an_installation_that_does_not_help_is_an_error() {
    let ended = Machine::complete().without(&["python3"]).run("test");
    assert_eq!(ended.code, Some(1));
    assert!(ended.text.contains("still missing after the installation: python3"), "{}", ended.text);
}

#[test]
fn rust_that_is_missing_or_too_old_is_named_with_the_way_to_get_it() {
    let missing = Machine::complete().without(&["cargo"]).run("build");
    assert_eq!(missing.code, Some(1));
    assert!(missing.text.contains("needs Rust 1.95 or later") && missing.text.contains("rustup"), "{}", missing.text);
    for (version, accepted) in [("1.94.1", false), ("1.9.0", false), ("1.95.0", true), ("1.100.0-nightly", true), ("2.0.0", true)]
    {
        let ended = Machine::complete().with("cargo", &format!("echo 'cargo {version} (abc)'")).run("build");
        assert_eq!(ended.code, Some(i32::from(!accepted)), "{version}: {}", ended.text);
        assert_eq!(ended.text.contains("is too old"), !accepted, "{version}: {}", ended.text);
    }
    let unlinted =
        Machine::complete().with("cargo", "case $1 in --version) echo 'cargo 1.95.0' ;; *) exit 1 ;; esac").run("lint");
    assert!(unlinted.code == Some(1) && unlinted.text.contains("rustup component add rustfmt clippy"), "{}", unlinted.text);
}

#[test]
fn every_target_of_the_makefile_is_listed_with_what_it_does() {
    let makefile = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Makefile")).unwrap();
    let phony = makefile.lines().find_map(|line| line.strip_prefix(".PHONY: ")).unwrap();
    for target in phony.split(' ') {
        assert!(makefile.lines().any(|line| line.starts_with(&format!("{target}: ## "))), "{target}");
    }
}
