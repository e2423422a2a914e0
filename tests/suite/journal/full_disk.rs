//! A disk without room: a small tmpfs that is filled up (G-8).

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use agentsh::channel::GateError;
use agentsh::event::{Decision, Kind};
use agentsh::journal::{Journal, JournalConfig};
use agentsh::policy::OnAuditFailure;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::rig::{conserved, declared, entries, gapless, open_with, small, whole};
use crate::support::{exit_event, is_root, judgement, open_event, policy, until};

/// A tmpfs of a few MiB.
struct SmallDisk {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl SmallDisk {
    fn mount() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        mount(Some("tmpfs"), &path, Some("tmpfs"), MsFlags::empty(), Some("size=4m,mode=0700")).unwrap();
        Self { path, _folder: folder }
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut ballast = File::options().create(true).append(true).open(self.path.join("ballast")).unwrap();
        for size in [64 * 1024, 4096, 1] {
            while ballast.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.path.join("ballast")).unwrap();
    }

    fn data(&self) -> PathBuf {
        self.path.join("data")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        umount2(&self.path, MntFlags::MNT_DETACH).unwrap();
    }
}

fn gate(journal: &Journal, number: u64, on_audit_failure: OnAuditFailure) -> Result<(), GateError> {
    journal.channel().gate(&open_event(number), &judgement(Decision::Allow), &policy(on_audit_failure))
}

/// Fills the disk and hands events over until the journal says that it cannot write.
fn run_out_of_room(disk: &SmallDisk, journal: &Journal) -> u64 {
    disk.fill();
    let mut published = 0;
    until("the journal says that the disk is full", || {
        journal.channel().publish(&exit_event(published));
        published += 1;
        journal.failure().is_some()
    });
    assert!(journal.failure().unwrap().contains("full"), "{:?}", journal.failure());
    assert!(!journal.flush());
    published
}

fn count(root: &Path, kind: Kind, decision: Option<&str>) -> u64 {
    entries(root).iter().filter(|entry| entry.kind == kind && entry.decision.as_deref() == decision).count() as u64
}

#[test]
fn g8_a_full_disk_refuses_operations_corrupts_nothing_and_goes_on_when_there_is_room() {
    if !is_root("a full disk") {
        return;
    }
    let disk = SmallDisk::mount();
    let root = disk.data();
    let mut refusals = 0;
    for round in 0..2 {
        let journal = open_with(&root, &small());
        for number in 0..50 {
            gate(&journal, number, OnAuditFailure::Deny).unwrap();
        }
        run_out_of_room(&disk, &journal);
        // Far more than the intake has room for: each is refused, and recorded or counted.
        for number in 0..300 {
            let refused = gate(&journal, number, OnAuditFailure::Deny);
            assert!(matches!(refused, Err(GateError::JournalCannotWrite { .. })), "{refused:?}");
        }
        refusals += 300;
        // What is there can still be read and is whole.
        whole(&root);
        disk.make_room();
        until("the journal can write again", || journal.failure().is_none());
        gate(&journal, 1_000, OnAuditFailure::Deny).unwrap();
        assert!(journal.flush());
        journal.close().unwrap();
        let lost = declared(&root);
        let denied = count(&root, Kind::PolicyDecision, Some("deny"));
        assert!(denied > 0 && lost["gate_refused"] > 0, "round {round}: {denied}, {lost:?}");
        assert_eq!(denied + lost["gate_refused"] / 2, refusals, "every refusal is recorded or counted");
        assert_eq!(count(&root, Kind::PolicyDecision, Some("allow")), (round + 1) * 51);
        conserved(&root);
        gapless(&root);
        whole(&root);
    }
}

#[test]
fn g8_where_the_policy_lets_operations_through_unrecorded_the_gap_is_an_event() {
    if !is_root("a full disk") {
        return;
    }
    let disk = SmallDisk::mount();
    let root = disk.data();
    let journal = open_with(&root, &small());
    run_out_of_room(&disk, &journal);
    for number in 0..300 {
        gate(&journal, number, OnAuditFailure::Allow).unwrap();
    }
    disk.make_room();
    until("the journal can write again", || journal.failure().is_none());
    journal.close().unwrap();
    let lost = declared(&root)["gate_unrecorded"];
    let recorded = count(&root, Kind::PolicyDecision, Some("allow"));
    assert!(recorded > 0 && lost > 0, "{recorded}, {lost}");
    assert_eq!(recorded + lost / 2, 300);
    conserved(&root);
    whole(&root);
}

#[test]
fn g8_a_recorder_that_ends_while_the_disk_is_full_leaves_its_intake_to_the_next() {
    if !is_root("a full disk") {
        return;
    }
    let disk = SmallDisk::mount();
    let root = disk.data();
    let journal = open_with(&root, &small());
    let published = run_out_of_room(&disk, &journal);
    let error = journal.close().unwrap_err();
    assert!(error.to_string().contains("could not write to the end; the next start drains the intake"), "{error}");
    // There is no room for the next one's intake either: it says so, whether it could drain the old one or not.
    let refused = Journal::open(&root, &JournalConfig::default()).err().unwrap();
    assert!(refused.to_string().to_lowercase().contains("space") || refused.to_string().contains("full"), "{refused}");
    disk.make_room();
    open_with(&root, &small()).close().unwrap();
    let lost: u64 = declared(&root).values().sum();
    assert_eq!(count(&root, Kind::ProcessExit, None) + lost, published);
    let states: Vec<_> = conserved(&root).into_iter().map(|intake| intake.state).collect();
    assert_eq!(states, ["recovered", "closed"]);
    gapless(&root);
    whole(&root);
}
