//! The journal: order, durability, recovery, evidence.

use agentsh::journal::{Journal, JournalConfig, verify};

use crate::support::exit_event;

#[test]
fn what_is_published_is_in_the_journal_and_verifies() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..3_u64 {
        let journal = Journal::open(folder.path(), &JournalConfig::default()).unwrap();
        for number in 0..1_000 {
            journal.channel().publish(&exit_event(number));
        }
        assert!(journal.flush());
        let head = journal.head();
        let data_dir = journal.data_dir().clone();
        journal.close().unwrap();
        // journal_opened, 1,000 events, and one checkpoint for each round that is over.
        assert_eq!(head, round * 1_002 + 1_001);
        let report = verify(&data_dir, None, &[], |_, _| {}).unwrap();
        assert!(report.is_whole(), "{:?}", report.findings);
        assert_eq!(report.events, (round + 1) * 1_002);
    }
}
