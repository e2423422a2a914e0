//! The bar of `agentsh import`: on a terminal, once it takes more than two seconds, and nowhere else.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{OpenptyResult, Winsize, openpty};

/// What an import is slow for.
const SLOW: Duration = Duration::from_secs(2);
const DEADLINE: Duration = Duration::from_secs(90);

/// An import of standard input, and what it writes to standard error.
struct Running {
    child: Child,
    errors: File,
    told: Vec<u8>,
    started: Instant,
    _folder: tempfile::TempDir,
}

impl Running {
    fn new(errors: File, stderr: OwnedFd) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let started = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_agentsh"))
            .arg("--data-dir")
            .arg(folder.path().join("data"))
            .args(["import", "jsonl", "-"])
            .env("HOME", folder.path())
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        Self { child, errors, told: Vec::new(), started, _folder: folder }
    }

    fn on_a_terminal() -> Self {
        let size = Winsize { ws_row: 24, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave } = openpty(Some(&size), None).unwrap();
        Self::new(File::from(master), slave)
    }

    fn on_a_pipe() -> Self {
        let (reading, writing) = nix::unistd::pipe().unwrap();
        Self::new(File::from(reading), writing)
    }

    /// Records that have no kind: there is nothing to be stored of them.
    fn feed(&mut self, records: usize) {
        let line = "{\"EventID\":255,\"UtcTime\":\"2025-11-28 08:30:20.966\",\"Computer\":\"ws1\"}\n";
        self.child.stdin.as_mut().unwrap().write_all(line.repeat(records).as_bytes()).unwrap();
    }

    /// Takes what is written until then; `false` when nothing came.
    fn listen(&mut self, most: Duration) -> bool {
        let timeout = PollTimeout::try_from(most).unwrap();
        if poll(&mut [PollFd::new(self.errors.as_fd(), PollFlags::POLLIN)], timeout).unwrap() == 0 {
            return false;
        }
        let mut block = [0; 4_096];
        // A terminal whose last writer has gone answers an error.
        let read = self.errors.read(&mut block).unwrap_or(0);
        self.told.extend_from_slice(&block[..read]);
        read > 0
    }

    /// Ends the input and takes the rest; what standard error got in all, and the summary.
    fn finish(mut self) -> (String, String) {
        drop(self.child.stdin.take());
        let (mut child, started) = (self.child.stdout.take().unwrap(), self.started);
        let mut summary = String::new();
        child.read_to_string(&mut summary).unwrap();
        assert!(self.child.wait().unwrap().success());
        while self.listen(Duration::ZERO) {
            assert!(started.elapsed() < DEADLINE, "it goes on writing");
        }
        (String::from_utf8_lossy(&self.told).into_owned(), summary)
    }
}

#[test]
fn a_bar_is_shown_on_a_terminal_once_an_import_takes_more_than_two_seconds() {
    let mut import = Running::on_a_terminal();
    let mut fed = 0;
    while !String::from_utf8_lossy(&import.told).contains("records") {
        assert!(import.started.elapsed() < DEADLINE, "no bar: {:?}", String::from_utf8_lossy(&import.told));
        import.feed(1_000);
        fed += 1_000;
        if import.listen(Duration::from_millis(100)) {
            assert!(import.started.elapsed() > SLOW, "a bar after {:?}", import.started.elapsed());
        }
    }
    let (told, summary) = import.finish();
    assert!(told.contains("-: ") && told.contains(" records"), "{told:?}");
    assert!(summary.contains(&format!("records   {fed}, 0 of them known already")), "{summary}");
    // It is taken away again, and the summary is not in it.
    assert!(told.ends_with("\u{1b}[2K") || told.trim_end().ends_with('K'), "{told:?}");
    assert!(!summary.contains('\u{1b}'), "{summary:?}");
}

#[test]
fn without_a_terminal_there_is_no_bar_however_long_it_takes() {
    let mut import = Running::on_a_pipe();
    let mut fed = 0;
    // Reports come every thousand records: some of them later than a terminal would have got its bar.
    while import.started.elapsed() < SLOW + Duration::from_secs(2) {
        import.feed(1_000);
        fed += 1_000;
        import.listen(Duration::from_millis(100));
    }
    let (told, summary) = import.finish();
    assert!(!told.contains("records") && !told.contains('\u{1b}'), "{told:?}");
    assert!(summary.contains(&format!("records   {fed}, 0 of them known already")), "{summary}");
}

#[test]
fn a_short_import_shows_no_bar_on_a_terminal() {
    let mut import = Running::on_a_terminal();
    import.feed(3);
    let (told, summary) = import.finish();
    assert!(!told.contains("records"), "{told:?}");
    assert!(summary.contains("records   3, 0 of them known already"), "{summary}");
}
