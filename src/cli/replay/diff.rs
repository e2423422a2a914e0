//! `agentsh replay --diff`: what did one run do that the other did not.

use std::io::Write as _;

use crate::app::evidence::Evidence;
use crate::cli::output::{Exit, Output, printable};
use crate::query::Reader;
use crate::query::session::{Difference, Sides, profile};
use crate::runtime::units::Count;

/// Tells two sessions apart.
pub(super) fn run(before: &Evidence, after: &Evidence, json: bool, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    let profile = |of: &Evidence| -> anyhow::Result<_> { Ok(profile(&Reader::open(of.data_dir())?, of.session())?) };
    let difference = Difference::between(&profile(before)?, &profile(after)?);
    let (before, after) = (before.session(), after.session());
    let exit = if difference.is_empty() { Exit::Done } else { Exit::NotInOrder };
    if json {
        let parts: serde_json::Map<String, serde_json::Value> =
            difference.parts.iter().map(|(name, sides)| ((*name).to_owned(), serde_json::json!(sides))).collect();
        let events: serde_json::Map<String, serde_json::Value> = difference
            .events
            .iter()
            .map(|(family, (before, after))| ((*family).to_owned(), serde_json::json!({"before": before, "after": after})))
            .collect();
        let same = difference.is_empty();
        let object = serde_json::json!({"before": before, "after": after, "same": same, "differences": parts, "events": events});
        writeln!(out, "{object}")?;
        return Ok(exit);
    }
    print(before, after, &difference, out)?;
    Ok(exit)
}

fn print(before: &str, after: &str, difference: &Difference, out: &mut Output<'_>) -> anyhow::Result<()> {
    let palette = out.palette();
    writeln!(out, "{}", palette.red(format!("- {}", printable(before))))?;
    writeln!(out, "{}", palette.green(format!("+ {}", printable(after))))?;
    for (name, sides) in &difference.parts {
        if sides.only_before.is_empty() && sides.only_after.is_empty() {
            continue;
        }
        writeln!(out, "\n{}", palette.bold(name.replace('_', " ")))?;
        for (sign, what, times) in lines(sides) {
            let times = if times > 1 { format!("  ({} times)", Count(times)) } else { String::new() };
            let line = format!("{sign} {}{times}", printable(what));
            writeln!(out, "{}", if sign == '-' { palette.red(line) } else { palette.green(line) })?;
        }
    }
    let counts: Vec<String> = difference
        .events
        .iter()
        .filter(|(_, (before, after))| before != after)
        .map(|(family, (before, after))| format!("{family} {} → {}", Count(*before), Count(*after)))
        .collect();
    if difference.is_empty() {
        writeln!(out, "\nboth did the same")?;
    }
    if !counts.is_empty() {
        writeln!(out, "\n{}", palette.dim(format!("events: {}", counts.join(", "))))?;
    }
    Ok(())
}

/// Both sides in the order of what they did.
fn lines(sides: &Sides) -> Vec<(char, &str, u64)> {
    let mut lines: Vec<(char, &str, u64)> = sides.only_before.iter().map(|(what, times)| ('-', what.as_str(), *times)).collect();
    lines.extend(sides.only_after.iter().map(|(what, times)| ('+', what.as_str(), *times)));
    lines.sort_by(|one, other| (one.1, one.0).cmp(&(other.1, other.0)));
    lines
}
