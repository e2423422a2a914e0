//! Points in time as people write them.

use agentsh::event::Timestamp;
use agentsh::query::parse_time;
use jiff::tz::{self, TimeZone};

/// Checks a text against RFC 3339, at 2026-11-24T10:00:00Z, in a zone one hour east; `None` when it must be refused.
#[track_caller]
fn check(text: &str, expected: Option<&str>) {
    let now = Timestamp::from_micros(super::recorded::BEGINNING);
    let found = parse_time(text, now, &TimeZone::fixed(tz::offset(1)));
    let expected = expected.map(|time| time.parse::<jiff::Timestamp>().unwrap().as_microsecond());
    assert_eq!(found.ok().map(Timestamp::as_micros), expected, "{text}");
}

#[test]
fn a_time_with_an_offset_is_itself() {
    check("2026-11-24T14:03:00Z", Some("2026-11-24T14:03:00Z"));
    check("2026-11-24T14:03:00.000001+02:00", Some("2026-11-24T12:03:00.000001Z"));
    check(" 2026-11-24 14:03Z ", Some("2026-11-24T14:03:00Z"));
}

#[test]
fn a_time_without_an_offset_is_local() {
    check("2026-11-24T14:03:00", Some("2026-11-24T13:03:00Z"));
    check("2026-11-24 14:03", Some("2026-11-24T13:03:00Z"));
    check("2026-11-24", Some("2026-11-23T23:00:00Z"));
    check("14:03", Some("2026-11-24T13:03:00Z"));
    check("14:03:05.5", Some("2026-11-24T13:03:05.5Z"));
}

#[test]
fn a_span_counts_back_from_now() {
    check("2h", Some("2026-11-24T08:00:00Z"));
    check("2h ago", Some("2026-11-24T08:00:00Z"));
    check("1h30m", Some("2026-11-24T08:30:00Z"));
    check("30 minutes ago", Some("2026-11-24T09:30:00Z"));
    check("90s", Some("2026-11-24T09:58:30Z"));
    check("3d", Some("2026-11-21T10:00:00Z"));
    check("1 week", Some("2026-11-17T10:00:00Z"));
    check("-2h", Some("2026-11-24T08:00:00Z"));
}

#[test]
fn a_day_is_its_start_here() {
    check("now", Some("2026-11-24T10:00:00Z"));
    check("today", Some("2026-11-23T23:00:00Z"));
    check("Yesterday", Some("2026-11-22T23:00:00Z"));
}

#[test]
fn what_is_no_time_is_refused() {
    for text in ["", "someday", "2026-13-01", "25:00", "2", "1403", "2 fortnights", "2026-11-24T14:03:00+99:00"] {
        check(text, None);
    }
}
