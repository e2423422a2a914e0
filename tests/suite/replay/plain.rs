//! Line by line.

use agentsh::cli::output::Exit;

use super::told::{TOLD, ask};
use crate::golden::assert_current;

#[test]
fn a_session_is_told_a_line_for_each_event_with_its_time_and_its_verdict() {
    let (text, exit) = ask(&TOLD.data_dir, "last --plain");
    assert_eq!(exit, Exit::Done);
    assert_current("tests/golden/replay/plain.txt", &text);
    assert_eq!(text, ask(&TOLD.data_dir, "s-told").0, "without a terminal there is no player");
}

#[test]
fn at_a_speed_the_same_lines_come_and_the_long_wait_is_cut_short() {
    let start = std::time::Instant::now();
    let (paced, _) = ask(&TOLD.data_dir, "--plain --speed 10");
    assert_eq!(paced, ask(&TOLD.data_dir, "--plain").0);
    let took = start.elapsed().as_millis();
    // The session took 90.286 s, of which 785 ms are left without the long wait: a tenth of that.
    assert!((70..9_000).contains(&took), "{took} ms");
}
