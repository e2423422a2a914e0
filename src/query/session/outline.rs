//! The outline of a session: how much of what happened when, and where its rows stand, for whoever shows a part of many.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::str::FromStr as _;

use serde::Serialize;

use super::error::StoryError;
use crate::event::{Decision, Family, Kind, UnknownKind};
use crate::journal::{JournalRow, OutlineRow};
use crate::query::{Cel, Filter, Matcher, Reader};

/// Most slices of a timeline.
const MOST_BUCKETS: usize = 2_000;

/// Events at each end whose times are looked at.
const ENDS: u64 = 256;

/// Most positions of an index: the distance is doubled where there would be more.
const MOST_SEQS: usize = 65_536;

/// Whether whoever asked still waits.
pub type Going<'a> = &'a (dyn Fn() -> bool + Sync);

/// One slice of a timeline.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// Where it begins, µs since 1970.
    pub from_us: i64,
    /// Position of its first event; 0 where there is none.
    pub first_seq: u64,
    /// Position of its last event; 0 where there is none.
    pub last_seq: u64,
    /// Events.
    pub events: u64,
    /// Verdicts that refused.
    pub refused: u64,
    /// Detections.
    pub detections: u64,
    /// Events of each family that has any.
    pub by_family: BTreeMap<&'static str, u64>,
}

/// How much happened when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Timeline {
    /// Where it begins, µs since 1970.
    pub from_us: i64,
    /// Where it ends, µs since 1970.
    pub to_us: i64,
    /// Events in it.
    pub total: u64,
    /// Slices of one length, in order, the empty ones too.
    pub buckets: Vec<Bucket>,
}

/// Where rows stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Index {
    /// Rows.
    pub total: u64,
    /// From one named row to the next.
    pub every: u64,
    /// Positions of rows 0, `every`, 2 · `every` …
    pub seqs: Vec<u64>,
    /// When each of those was seen, µs since 1970.
    pub times_us: Vec<i64>,
}

/// Which events are outlined.
#[derive(Default)]
pub struct Wanted {
    filter: Filter,
    expression: Option<Matcher>,
}

impl Wanted {
    /// Those that match a filter, and for which an expression holds too, where there is one.
    #[must_use]
    pub fn new(filter: Filter, expression: Option<Cel>) -> Self {
        // What the database looks at is not looked at again.
        let expression = expression.map(|expression| Matcher::new(&Filter::default(), Some(expression)));
        Self { filter, expression }
    }

    /// Calls `each` for those that are wanted, in order, until nobody waits any more.
    fn each(&self, reader: &Reader, going: Going<'_>, mut each: impl FnMut(&OutlineRow)) -> Result<(), StoryError> {
        let conditions = self.filter.conditions();
        let mut waiting = Waiting::new(going);
        let Some(expression) = &self.expression else {
            reader.store().outline(&conditions, |row| {
                each(&row);
                waiting.go_on()
            })?;
            return Ok(());
        };
        reader.rows::<StoryError>(0, &conditions, |row| {
            if expression.cel_holds(row.seq, &row.columns) {
                each(&outlined(row)?);
            }
            Ok(waiting.go_on())
        })?;
        Ok(())
    }

    /// As [`Wanted::each`], with the position alone, which is quicker.
    fn each_seq(&self, reader: &Reader, going: Going<'_>, mut each: impl FnMut(u64)) -> Result<(), StoryError> {
        if self.expression.is_some() {
            return self.each(reader, going, |row| each(row.seq));
        }
        let mut waiting = Waiting::new(going);
        reader.store().positions(&self.filter.conditions(), |seq| {
            each(seq);
            waiting.go_on()
        })?;
        Ok(())
    }
}

/// Asks now and then whether anyone waits.
struct Waiting<'a> {
    going: Going<'a>,
    rows: u64,
}

impl<'a> Waiting<'a> {
    const fn new(going: Going<'a>) -> Self {
        Self { going, rows: 0 }
    }

    fn go_on(&mut self) -> ControlFlow<()> {
        self.rows += 1;
        if self.rows.is_multiple_of(4_096) && !(self.going)() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn outlined(row: &JournalRow<'_>) -> Result<OutlineRow, StoryError> {
    let columns = &row.columns;
    let unknown = |error: UnknownKind| StoryError::Event { seq: row.seq, what: error.to_string() };
    let kind = Kind::from_str(columns.kind).map_err(unknown)?;
    let refused = kind == Kind::PolicyDecision
        && columns.decision == Some(Decision::Deny.as_str())
        // Quotation marks within a text are escaped: this stands nowhere else.
        && !columns.payload.contains("\"enforced\":false");
    Ok(OutlineRow { seq: row.seq, time_us: columns.time_us, kind, refused })
}

/// The timeline of what matches, in `buckets` slices at most. An event outside of the span, since clocks differ, counts in the first or
/// the last slice.
///
/// # Errors
/// [`StoryError`].
pub fn timeline(reader: &Reader, wanted: &Wanted, buckets: usize, going: Going<'_>) -> Result<Timeline, StoryError> {
    let Some((first, last)) = span(reader, &wanted.filter)? else { return Ok(Timeline::default()) };
    let buckets = buckets.clamp(1, MOST_BUCKETS);
    let count = i64::try_from(buckets).unwrap_or(1);
    let (from_us, to_us) = (first, last.max(first + 1));
    let width = ((to_us - from_us).saturating_add(count - 1) / count).max(1);
    let mut tallies: Vec<Tally> = vec![Tally::default(); buckets];
    let mut total = 0;
    wanted.each(reader, going, |row| {
        let place = ((row.time_us - from_us) / width).clamp(0, count - 1);
        if let Some(tally) = usize::try_from(place).ok().and_then(|place| tallies.get_mut(place)) {
            tally.take(row.seq, row.kind, row.refused);
        }
        total += 1;
    })?;
    let buckets = tallies.into_iter().zip(0_i64..).map(|(tally, place)| tally.bucket(from_us + place * width)).collect();
    Ok(Timeline { from_us, to_us, total, buckets })
}

/// Where every so many of the rows that match stand.
///
/// # Errors
/// [`StoryError`].
pub fn index(reader: &Reader, wanted: &Wanted, every: u64, going: Going<'_>) -> Result<Index, StoryError> {
    let mut index = Index { total: 0, every: every.max(1), seqs: Vec::new(), times_us: Vec::new() };
    wanted.each_seq(reader, going, |seq| {
        if index.total.is_multiple_of(index.every) {
            if index.seqs.len() == MOST_SEQS {
                index.seqs = index.seqs.iter().copied().step_by(2).collect();
                index.every *= 2;
            }
            if index.total.is_multiple_of(index.every) {
                index.seqs.push(seq);
            }
        }
        index.total += 1;
    })?;
    index.times_us = reader.store().times_of(&index.seqs)?;
    Ok(index)
}

/// From when to when: as the filter says, or else the earliest time of the first events that match it and the latest of the last ones, whatever an
/// expression says. What was found out later stands behind with its earlier time, so that it is not enough to look at one.
fn span(reader: &Reader, filter: &Filter) -> Result<Option<(i64, i64)>, StoryError> {
    let conditions = filter.conditions();
    let times_behind = |after: u64| {
        let (mut times, mut rows) = (None, 0);
        reader.rows::<StoryError>(after, &conditions, |row| {
            let time = row.columns.time_us;
            let (earliest, latest) = times.unwrap_or((time, time));
            times = Some((time.min(earliest), time.max(latest)));
            rows += 1;
            Ok(if rows == ENDS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok::<_, StoryError>(times)
    };
    let Some((first, first_latest)) = times_behind(0)? else { return Ok(None) };
    let last = times_behind(reader.before_last(ENDS, filter)?)?.map_or(first_latest, |(_, last)| last.max(first_latest));
    let since = filter.since.map_or(first, |time| time.as_micros());
    let until = filter.until.map_or(last, |time| time.as_micros());
    Ok(Some((since.min(until), until.max(since))))
}

/// A slice while it is counted.
#[derive(Clone, Default)]
struct Tally {
    seqs: (u64, u64),
    events: u64,
    refused: u64,
    detections: u64,
    families: BTreeMap<&'static str, u64>,
    /// Events of one family often follow each other: they are entered together.
    run: Option<(Family, u64)>,
}

impl Tally {
    fn take(&mut self, seq: u64, kind: Kind, refused: bool) {
        if self.events == 0 {
            self.seqs.0 = seq;
        }
        self.seqs.1 = seq;
        self.events += 1;
        self.refused += u64::from(refused);
        self.detections += u64::from(kind == Kind::Detection);
        let family = kind.family();
        match &mut self.run {
            Some((running, count)) if *running == family => *count += 1,
            _ => {
                self.enter();
                self.run = Some((family, 1));
            }
        }
    }

    fn enter(&mut self) {
        if let Some((family, count)) = self.run.take() {
            *self.families.entry(family.as_str()).or_default() += count;
        }
    }

    fn bucket(mut self, from_us: i64) -> Bucket {
        self.enter();
        let Self { seqs: (first_seq, last_seq), events, refused, detections, families, run: _ } = self;
        Bucket { from_us, first_seq, last_seq, events, refused, detections, by_family: families }
    }
}
