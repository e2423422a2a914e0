//! Property tests: any event of any kind fits its class, and can be read back from its record.

use agentsh::encode::ocsf::{Mapping, activities, class, to_json};
use agentsh::event::{Actor, Event, JournaledEvent, Kind, Payload, SensorOrigin, Seq, Severity, TechniqueId, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use super::records::read_back;
use super::schemas::Schemas;
use crate::support;
use crate::vocabulary::samples::Schema;

/// The envelope's own parts, all of them or none.
type Envelope = (Option<Value>, Option<Value>, Vec<String>, i64, u64);

fn envelope(schema: &Schema) -> impl Strategy<Value = Envelope> + use<> {
    let part = |name: &str| proptest::option::of(schema.arbitrary(schema.definition(&format!("#/$defs/{name}"))));
    (
        part("Actor"),
        part("SensorOrigin"),
        proptest::collection::vec(select(vec!["T1552.004".to_owned(), "T1059".to_owned(), "x".to_owned()]), 0..3),
        any::<i64>(),
        1..=u64::try_from(i64::MAX).unwrap(),
    )
}

fn event(kind: Kind, payload: &Value, (actor, sensor, attack, time, seq): Envelope) -> JournaledEvent {
    let payload = Payload::from_json(kind, &payload.to_string()).unwrap();
    let event = Event {
        time: Timestamp::from_micros(time),
        actor: actor.map(|actor| serde_json::from_value::<Actor>(actor).unwrap()),
        sensor: sensor.map(|sensor| serde_json::from_value::<SensorOrigin>(sensor).unwrap()),
        attack: attack.iter().map(|technique| TechniqueId::new(technique.as_str())).collect(),
        severity: Severity::Fatal,
        ..support::event(payload)
    };
    JournaledEvent { seq: Seq::new(seq).unwrap(), kind, event }
}

#[test]
fn any_event_of_any_kind_fits_and_comes_back() {
    let schemas = Schemas::load("any_event_of_any_kind_fits_and_comes_back (against the schemas)");
    let schema = Schema::new();
    for kind in Kind::ALL {
        let strategy = (schema.arbitrary(schema.payload(*kind)), envelope(&schema));
        let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
        let result = TestRunner::new(config).run(&strategy, |(payload, envelope)| {
            let event = event(*kind, &payload, envelope);
            let record = to_json(&event);
            if let Some(schemas) = &schemas {
                prop_assert_eq!(schemas.errors(&record), Vec::<String>::new());
            }
            if let Mapping::To(class) = class(*kind) {
                prop_assert_eq!(&record["class_uid"], class.uid());
                let activity = u8::try_from(record["activity_id"].as_u64().unwrap()).unwrap();
                prop_assert!(activities(*kind).contains(&activity), "{} is not in the table", activity);
            }
            prop_assert_eq!(read_back(&serde_json::from_str(&record.to_string()).unwrap()), event);
            Ok(())
        });
        assert!(result.is_ok(), "{}: {}", kind.as_str(), result.unwrap_err());
    }
}
