//! An id that no version of ATT&CK has, and the one that was probably meant.

use super::table::{Attack, VERSION};

/// No technique has that id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ATT&CK v{} has no technique {id}, and neither had v18{}", VERSION, meant(.near))]
pub struct UnknownTechnique {
    /// The id as it was given, in capitals.
    pub id: String,
    /// Id and name of the technique that was probably meant.
    pub near: Option<(&'static str, &'static str)>,
}

fn meant(near: &Option<(&'static str, &'static str)>) -> String {
    near.map_or_else(String::new, |(id, name)| format!("; did you mean {id} ({name})?"))
}

impl UnknownTechnique {
    pub(super) fn of(id: &str, table: &Attack) -> Self {
        let near = near(id, table).and_then(|near| table.current(&near)).map(|technique| (technique.id, technique.name));
        Self { id: id.to_owned(), near }
    }
}

/// What is written otherwise (`1059-1`), then what one slip of the hand makes of a sub-technique of the same technique, then of any, then
/// the technique of a sub-technique that there is not.
fn near(id: &str, table: &Attack) -> Option<String> {
    let proper = proper(id);
    if table.current(&proper).is_some() {
        return Some(proper);
    }
    let parent = proper.split('.').next().unwrap_or_default();
    let slipped = |known: &&str| is_one_slip(proper.as_bytes(), known.as_bytes());
    let of_parent = |known: &&str| known.strip_prefix(parent).is_some_and(|rest| rest.starts_with('.'));
    let found = table.ids().filter(of_parent).find(slipped).or_else(|| table.ids().find(slipped));
    found.map(str::to_owned).or_else(|| table.current(parent).map(|technique| technique.id.to_owned()))
}

/// `1059-1` as `T1059.001`.
fn proper(id: &str) -> String {
    let mut numbers = id.trim_start_matches(['T', 't']).split(['.', '-', '_', '/', ' ']);
    let mut proper = format!("T{}", numbers.next().unwrap_or_default());
    for number in numbers.filter(|number| !number.is_empty()) {
        proper += &format!(".{number:0>3}");
    }
    proper
}

/// Whether a character too many, too few or wrong, or two that changed places, are all that differs.
pub(super) fn is_one_slip(one: &[u8], other: &[u8]) -> bool {
    let start = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let (one, other) = (one.get(start..).unwrap_or_default(), other.get(start..).unwrap_or_default());
    let end = one.iter().rev().zip(other.iter().rev()).take_while(|(a, b)| a == b).count();
    let rest = |text: &[u8]| text.get(..text.len() - end).unwrap_or_default().to_vec();
    match (rest(one).as_slice(), rest(other).as_slice()) {
        ([a, b], [c, d]) => (a, b) == (d, c),
        (one, other) => one.len() <= 1 && other.len() <= 1,
    }
}
