//! Files that are made from the source and committed: a test compares them, `UPDATE_GOLDEN=1 cargo test` writes them anew.

use std::path::Path;

/// Whether the committed files are written instead of compared.
pub fn updating() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1")
}

/// Fails unless the file holds this text.
pub fn assert_current(path: &str, text: &str) {
    if updating() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    let committed = read(path).unwrap_or_default();
    if let Some(line) = first_difference(&committed, text) {
        panic!("{path} is not current from line {line} on; write it anew with `UPDATE_GOLDEN=1 cargo test`");
    }
}

/// Reads a file of the repository; `None` if it is not there.
pub fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()
}

/// The first line, starting at 1, where the texts differ.
fn first_difference(one: &str, other: &str) -> Option<usize> {
    if one == other {
        return None;
    }
    let same = one.split('\n').zip(other.split('\n')).take_while(|(one, other)| one == other).count();
    Some(same + 1)
}

#[test]
fn a_difference_is_found_at_its_line() {
    assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
    assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some(2));
    assert_eq!(first_difference("a\nb", "a\nb\n"), Some(3));
    assert_eq!(first_difference("", "a\n"), Some(1));
}
