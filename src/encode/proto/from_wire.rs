//! From the wire: a message becomes an event of the vocabulary, or an error that names the field.

use std::net::IpAddr;
use std::sync::Arc;

use super::tables::payload_from_wire;
use super::{Event, FromWireError, Severity, WireProblem, kind_of_number};
use crate::event::{self, CommandId, EventId, ExecStatistics, Kind, OsText, Seq, SessionId, TechniqueId, Timestamp};

/// A value of the vocabulary that is made from a value on the wire.
pub(super) trait FromWire<W>: Sized {
    fn from_wire(value: W, place: &Place<'_>) -> Result<Self, FromWireError>;
}

/// Where in the message a value stands. Its text is only made for an error.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    within: Option<&'a Place<'a>>,
    step: Step,
}

#[derive(Clone, Copy)]
enum Step {
    Field(&'static str),
    Item(usize),
}

impl<'a> Place<'a> {
    pub(super) const fn root(name: &'static str) -> Self {
        Self { within: None, step: Step::Field(name) }
    }

    pub(super) const fn field(&'a self, name: &'static str) -> Self {
        Self { within: Some(self), step: Step::Field(name) }
    }

    const fn item(&'a self, place: usize) -> Self {
        Self { within: Some(self), step: Step::Item(place) }
    }

    pub(super) fn is(&self, problem: impl Into<WireProblem>) -> FromWireError {
        let mut field = String::new();
        self.write(&mut field);
        FromWireError { field, problem: problem.into() }
    }

    fn write(&self, text: &mut String) {
        if let Some(within) = self.within {
            within.write(text);
        }
        match self.step {
            Step::Field(name) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(name);
            }
            Step::Item(place) => {
                text.push('[');
                text.push_str(&place.to_string());
                text.push(']');
            }
        }
    }
}

/// A wire event as the vocabulary's. `seq` and `subject` are not looked at: the first is the journal's to give, the second follows from
/// the payload. `kind` may be left out, since the payload says it.
///
/// # Errors
/// [`FromWireError`] names the first field that is not of the vocabulary.
pub fn to_event(message: Event) -> Result<event::Event, FromWireError> {
    let Event {
        seq: _,
        id,
        time_us,
        session_id,
        command_id,
        cause,
        actor,
        sensor,
        kind,
        severity,
        attack,
        subject: _,
        imported,
        payload,
    } = message;
    let payload = payload.ok_or_else(|| Place::root("payload").is(WireProblem::NotSet))?;
    let payload = payload_from_wire(payload)?;
    let place = Place::root("kind");
    if kind != 0 {
        let kind = Kind::from_wire(kind, &place)?;
        if kind != payload.kind() {
            return Err(place.is(WireProblem::OtherKind { kind, payload: payload.kind() }));
        }
    }
    Ok(event::Event {
        id: EventId::from_wire(id, &Place::root("id"))?,
        time: Timestamp::from_micros(time_us),
        session_id: session_id.map(SessionId::new),
        command_id: command_id.map(CommandId::new),
        cause: Option::from_wire(cause, &Place::root("cause"))?,
        actor: Option::from_wire(actor, &Place::root("actor"))?,
        sensor: Option::from_wire(sensor, &Place::root("sensor"))?,
        imported: Option::from_wire(imported, &Place::root("imported"))?.map(Arc::new),
        attack: Vec::from_wire(attack, &Place::root("attack"))?,
        severity: event::Severity::from_wire(severity, &Place::root("severity"))?,
        payload,
    })
}

macro_rules! as_it_is {
    ($($type:ty),*) => { $(
        impl FromWire<$type> for $type {
            fn from_wire(value: $type, _: &Place<'_>) -> Result<Self, FromWireError> {
                Ok(value)
            }
        }
    )* };
}

as_it_is!(bool, u32, u64, i32, i64, String);

impl FromWire<u32> for u16 {
    fn from_wire(number: u32, place: &Place<'_>) -> Result<Self, FromWireError> {
        Self::try_from(number).map_err(|_| place.is(WireProblem::TooLarge { number: number.into(), most: Self::MAX.into() }))
    }
}

impl FromWire<u64> for Seq {
    fn from_wire(number: u64, place: &Place<'_>) -> Result<Self, FromWireError> {
        Self::new(number).ok_or_else(|| place.is(WireProblem::NotSet))
    }
}

impl FromWire<String> for OsText {
    fn from_wire(text: String, place: &Place<'_>) -> Result<Self, FromWireError> {
        if !text.contains('\\') {
            return Ok(Self::from(text));
        }
        Self::from_text(&text).map_err(|error| place.is(error))
    }
}

impl FromWire<String> for EventId {
    fn from_wire(text: String, place: &Place<'_>) -> Result<Self, FromWireError> {
        if text.is_empty() {
            return Err(place.is(WireProblem::NotSet));
        }
        text.parse().map_err(|_| place.is(WireProblem::NotAnId))
    }
}

impl FromWire<String> for IpAddr {
    fn from_wire(text: String, place: &Place<'_>) -> Result<Self, FromWireError> {
        text.parse().map_err(|_| place.is(WireProblem::NotAnAddress))
    }
}

impl FromWire<String> for TechniqueId {
    fn from_wire(text: String, _: &Place<'_>) -> Result<Self, FromWireError> {
        Ok(Self::new(text))
    }
}

impl FromWire<i32> for Kind {
    fn from_wire(number: i32, place: &Place<'_>) -> Result<Self, FromWireError> {
        let problem = if number == 0 { WireProblem::NotSet } else { WireProblem::UnknownNumber { number } };
        kind_of_number(number).ok_or_else(|| place.is(problem))
    }
}

impl FromWire<i32> for event::Severity {
    fn from_wire(number: i32, place: &Place<'_>) -> Result<Self, FromWireError> {
        match Severity::try_from(number) {
            Ok(Severity::Unspecified) => Err(place.is(WireProblem::NotSet)),
            Ok(Severity::Informational) => Ok(Self::Informational),
            Ok(Severity::Low) => Ok(Self::Low),
            Ok(Severity::Medium) => Ok(Self::Medium),
            Ok(Severity::High) => Ok(Self::High),
            Ok(Severity::Critical) => Ok(Self::Critical),
            Ok(Severity::Fatal) => Ok(Self::Fatal),
            Err(_) => Err(place.is(WireProblem::UnknownNumber { number })),
        }
    }
}

/// Every figure of it may be absent, so it may be absent itself.
impl FromWire<Option<super::ExecStatistics>> for ExecStatistics {
    fn from_wire(message: Option<super::ExecStatistics>, place: &Place<'_>) -> Result<Self, FromWireError> {
        message.map_or_else(|| Ok(Self::default()), |message| Self::from_wire(message, place))
    }
}

impl<W, T: FromWire<W>> FromWire<Option<W>> for Option<T> {
    fn from_wire(value: Option<W>, place: &Place<'_>) -> Result<Self, FromWireError> {
        value.map(|value| T::from_wire(value, place)).transpose()
    }
}

impl<W, T: FromWire<W>> FromWire<Vec<W>> for Vec<T> {
    fn from_wire(values: Vec<W>, place: &Place<'_>) -> Result<Self, FromWireError> {
        values.into_iter().enumerate().map(|(at, value)| T::from_wire(value, &place.item(at))).collect()
    }
}
