//! The player on a real terminal: tmux holds one of a fixed size, keys are sent to it and its screen is read.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use super::told::TOLD;
use crate::golden::{assert_current, read, updating};
use crate::support::{DEADLINE, has_program, until};

/// A terminal with a shell in it, which outlives the player.
struct Tmux {
    socket: String,
    _folder: tempfile::TempDir,
}

impl Tmux {
    fn start(data_dir: &Path, columns: u16, rows: u16, colour: bool, arguments: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("tmux").display().to_string();
        let tmux = Self { socket, _folder: folder };
        let program = env!("CARGO_BIN_EXE_agentsh");
        let no_color = if colour { "" } else { "NO_COLOR=1 " };
        let data_dir = data_dir.display();
        // What stands before and behind the player tells whether the screen was given back.
        let script = format!(
            "printf 'before\\n'; {no_color}{program} --data-dir {data_dir} replay s-told {arguments}; echo \"ended $?\"; stty -a | tr ' ' '\\n' | grep -x -- 'echo;\\?\\|-echo;\\?'; exec cat"
        );
        let size = [columns.to_string(), rows.to_string()];
        tmux.ask(&["-f", "/dev/null", "new-session", "-d", "-x", &size[0], "-y", &size[1], "sh", "-c", &script]);
        tmux
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new("tmux").arg("-S").arg(&self.socket).args(arguments).env_remove("TMUX").stdin(Stdio::null()).output().unwrap()
    }

    fn ask(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn keys(&self, keys: &[&str]) {
        self.ask(&[&["send-keys"], keys].concat());
    }

    fn screen(&self) -> String {
        self.ask(&["capture-pane", "-p"])
    }

    fn shows(&self, what: &str) -> String {
        let mut screen = String::new();
        until(&format!("the screen shows {what}"), || {
            screen = self.screen();
            screen.contains(what)
        });
        screen
    }

    /// The screen that shows this is, once it is drawn whole, the committed one.
    fn stands(&self, name: &str, what: &str) {
        let path = format!("tests/golden/replay/{name}.txt");
        let mut screen = self.shows(what);
        let mut same = 0;
        let start = Instant::now();
        // A picture may be read while it is drawn.
        while start.elapsed() < DEADLINE && if updating() { same < 40 } else { Some(&screen) != read(&path).as_ref() } {
            let now = self.screen();
            same = if now == screen { same + 1 } else { 0 };
            screen = now;
        }
        assert_current(&path, &screen);
    }

    /// The player's process: the shell's child.
    fn player(&self) -> nix::unistd::Pid {
        let shell = self.ask(&["display-message", "-p", "#{pane_pid}"]);
        let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", shell.trim())).unwrap();
        nix::unistd::Pid::from_raw(children.split_whitespace().next().unwrap().parse().unwrap())
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}

fn told(columns: u16, rows: u16, arguments: &str) -> Tmux {
    Tmux::start(TOLD.data_dir.root(), columns, rows, false, arguments)
}

#[test]
fn the_player_steps_jumps_searches_and_shows_each_pane_on_80_by_24() {
    if !has_program("tmux", "the player's screens") {
        return;
    }
    let tmux = told(80, 24, "--step");
    tmux.stands("start", "event 1 of 22");
    tmux.keys(&["Right", "Right", "Right"]);
    tmux.shows("event 4 of 22");
    tmux.keys(&["Left"]);
    tmux.shows("event 3 of 22");
    tmux.keys(&["n"]);
    tmux.stands("refusal", "event 13 of 22");
    tmux.keys(&["Tab"]);
    tmux.stands("processes", "[processes]");
    tmux.keys(&["5"]);
    tmux.stands("terminal", "[terminal]");
    tmux.keys(&["4"]);
    tmux.stands("network", "[network]");
    tmux.keys(&["G", "3"]);
    tmux.shows("event 22 of 22");
    tmux.stands("files", "[files]");
    tmux.keys(&["/", "main.o", "Enter"]);
    tmux.shows("is not found behind this");
    tmux.keys(&["{"]);
    tmux.stands("found", "`main.o`: 3 of 3");
    tmux.keys(&[":", "0:01", "Enter"]);
    tmux.shows("event 16 of 22");
    tmux.keys(&["]", "]"]);
    tmux.shows(" 5×");
    tmux.keys(&["?"]);
    tmux.stands("help", "Any key closes this.");
    tmux.keys(&["x", "q"]);
    let ended = tmux.shows("ended 0");
    assert!(ended.contains("before"), "the screen was not given back:\n{ended}");
    assert!(tmux.shows("echo").lines().any(|line| line.trim_end_matches(';') == "echo"), "{}", tmux.screen());
}

#[test]
fn a_wide_terminal_has_the_pane_beside_the_list_and_a_resized_one_is_drawn_anew() {
    if !has_program("tmux", "the player's wide screen") {
        return;
    }
    let tmux = told(160, 40, "--step");
    tmux.shows("event 1 of 22");
    tmux.keys(&["n", "5"]);
    tmux.shows("[terminal]");
    tmux.stands("wide", "event 13 of 22");
    tmux.ask(&["resize-window", "-x", "60", "-y", "12"]);
    tmux.shows("event 13 of 22");
    until("a narrow picture", || tmux.screen().lines().nth(11).is_some_and(|line| line.starts_with("space")));
    tmux.ask(&["resize-window", "-x", "10", "-y", "4"]);
    tmux.shows("too small");
}

#[test]
fn a_played_session_comes_to_its_end_by_itself() {
    if !has_program("tmux", "a played session") {
        return;
    }
    let tmux = told(80, 24, "--speed 100");
    tmux.shows("event 22 of 22");
    tmux.shows("■ at the end");
}

#[test]
fn the_terminal_is_given_back_after_a_signal_and_after_ctrl_c() {
    if !has_program("tmux", "the terminal after a signal") {
        return;
    }
    for by_signal in [true, false] {
        let tmux = told(80, 24, "--step");
        tmux.shows("event 1 of 22");
        if by_signal {
            nix::sys::signal::kill(tmux.player(), nix::sys::signal::Signal::SIGTERM).unwrap();
        } else {
            tmux.keys(&["C-c"]);
        }
        let ended = tmux.shows("ended");
        assert!(ended.contains("before"), "the screen was not given back:\n{ended}");
        assert!(tmux.shows("echo").lines().any(|line| line.trim_end_matches(';') == "echo"), "{}", tmux.screen());
    }
}

#[test]
fn without_colours_no_colour_is_sent_and_with_them_refusals_are_red() {
    if !has_program("tmux", "colours") {
        return;
    }
    for (colour, expected) in [(false, false), (true, true)] {
        let tmux = Tmux::start(TOLD.data_dir.root(), 80, 24, colour, "--step");
        tmux.shows("event 1 of 22");
        tmux.keys(&["n", "Right"]);
        tmux.shows("event 14 of 22");
        tmux.shows("q quit");
        let painted = tmux.ask(&["capture-pane", "-p", "-e"]);
        assert_eq!(painted.contains("\u{1b}[38;5;1m"), expected, "{painted:?}");
    }
}
