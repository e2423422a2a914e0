//! Identities: observed and derived, with vectors that no version may change.

use agentsh::event::{EventId, Kind, Seq};
use proptest::prelude::*;

const CAUSE: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// Computed apart from this crate, with Python's `hashlib` and `uuid`.
#[test]
fn g6_a_derived_id_follows_from_its_cause_for_ever() {
    let derived = |kind, index| EventId::derived(EventId::from_bytes(CAUSE), kind, index).to_string();
    assert_eq!(derived(Kind::PolicyDecision, 0), "44779a00-bde3-8287-9a14-a69a2317379f");
    assert_eq!(derived(Kind::PolicyDecision, 1), "46afb692-13e2-8275-8784-d68f475330c8");
    assert_eq!(derived(Kind::Detection, 0), "0e646d15-41ba-8873-a3b2-006131db553f");
}

/// The example of RFC 9562, appendix A.6.
#[test]
fn an_observed_id_is_the_uuid_of_the_rfc() {
    let random = [0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f];
    assert_eq!(EventId::observed(0x017F_22E2_79B0, random).to_string(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

#[test]
fn seq_starts_at_one() {
    assert_eq!(Seq::new(0), None);
    assert_eq!(Seq::new(1), Some(Seq::FIRST));
    assert_eq!(serde_json::to_string(&Seq::new(7)).unwrap(), "7");
    assert!(serde_json::from_str::<Seq>("0").is_err());
}

proptest! {
    #[test]
    fn an_id_is_the_same_in_bytes_text_and_json(bytes: [u8; 16]) {
        let id = EventId::from_bytes(bytes);
        prop_assert_eq!(id.as_bytes(), &bytes);
        prop_assert_eq!(id.to_string().parse::<EventId>().unwrap(), id);
        prop_assert_eq!(serde_json::from_str::<EventId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
    }

    #[test]
    fn other_causes_kinds_and_places_derive_other_ids(one: [u8; 16], other: [u8; 16], index: u32) {
        let derived = |cause, kind, index| EventId::derived(EventId::from_bytes(cause), kind, index);
        let id = derived(one, Kind::PolicyDecision, index);
        prop_assert_eq!(id.as_bytes()[6] >> 4, 8, "RFC 9562 version 8");
        prop_assert_eq!(id.as_bytes()[8] >> 6, 0b10, "RFC 9562 variant");
        prop_assert_eq!(id, derived(one, Kind::PolicyDecision, index));
        prop_assert_ne!(id, derived(one, Kind::Detection, index));
        prop_assert_ne!(id, derived(one, Kind::PolicyDecision, index.wrapping_add(1)));
        if one != other {
            prop_assert_ne!(id, derived(other, Kind::PolicyDecision, index));
        }
    }

    #[test]
    fn observed_ids_sort_by_time(earlier in 0_u64..1 << 47, later in 1_u64..1 << 47, one: [u8; 10], other: [u8; 10]) {
        let (first, second) = (EventId::observed(earlier, one), EventId::observed(earlier + later, other));
        prop_assert!(first < second);
        prop_assert_eq!(first.as_bytes()[6] >> 4, 7, "RFC 9562 version 7");
    }
}
