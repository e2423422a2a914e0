//! The Merkle tree against RFC 6962's vectors and against an independent implementation (`ct-merkle`).

use agentsh::journal::{Frontier, Hash, StoreError};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use sha2::{Digest, Sha256};

use super::rig::{open, store};
use crate::support::open_event;

fn leaf_hash(data: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(data).finalize().into()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Certificate Transparency's reference vectors: the leaves and the roots of the trees of the first 0 to 8 of them
/// (`merkle_tree_test.cc` of google/certificate-transparency, which RFC 6962's authors published with it).
const LEAVES: [&str; 8] = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

#[test]
fn the_reference_vectors_of_rfc_6962_hold() {
    let mut tree = Frontier::default();
    assert_eq!(tree.root().to_vec(), hex(ROOTS[0]));
    for (leaf, root) in LEAVES.iter().zip(&ROOTS[1..]) {
        tree.push(leaf_hash(&hex(leaf)));
        assert_eq!(tree.root().to_vec(), hex(root));
    }
}

/// Sizes to look at: all up to 300, and around large powers of two.
fn looked_at(size: usize) -> bool {
    size <= 300 || [1_023, 1_024, 1_025, 4_095, 4_096, 4_097, 5_000].contains(&size)
}

#[test]
fn the_root_is_an_independent_implementations_at_every_size() {
    let mut oracle = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut tree = Frontier::default();
    for size in 0..=5_000_usize {
        if looked_at(size) {
            let root = oracle.root();
            assert_eq!(tree.root().as_slice(), root.as_bytes().as_slice(), "size {size}");
            assert_eq!((tree.size(), oracle.len()), (size as u64, size as u64));
            // A frontier that was stored and read is the same tree.
            let stored = Frontier::from_parts(tree.size(), &tree.to_bytes()).unwrap();
            assert_eq!(stored, tree);
        }
        let leaf = format!("leaf {size}").into_bytes();
        tree.push(leaf_hash(&leaf));
        oracle.push(leaf);
    }
}

#[test]
fn a_frontier_that_does_not_fit_its_size_is_refused() {
    for (size, len) in [(0, 32), (1, 0), (1, 31), (1, 33), (1, 64), (3, 32), (7, 64), (u64::MAX, 32)] {
        assert_eq!(Frontier::from_parts(size, &vec![0; len]), None, "size {size} of {len} bytes");
    }
    assert!(Frontier::from_parts(0, &[]).is_some());
}

#[test]
fn events_are_included_and_checkpoints_consistent_as_an_independent_implementation_proves_it() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for number in 0..40 {
        journal.channel().publish(&open_event(number));
        if number % 7 == 0 {
            assert!(journal.checkpoint());
        }
    }
    journal.close().unwrap();

    // The oracle gets the data of the leaves as the documentation has it, and hashes them itself.
    let mut leaves = Vec::new();
    let rows = store(folder.path()).rows::<StoreError>(0, &[], None, |row| {
        let mut leaf = vec![1];
        leaf.extend_from_slice(&row.seq.to_be_bytes());
        leaf.extend_from_slice(row.frame);
        assert_eq!(leaf_hash(&leaf), row.leaf);
        leaves.push(leaf);
        Ok(std::ops::ControlFlow::Continue(()))
    });
    rows.unwrap();
    let checkpoints = store(folder.path()).checkpoints().unwrap();
    assert_eq!(checkpoints.len(), 7);
    let grown = |size: u64| {
        let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        leaves.iter().take(usize::try_from(size).unwrap()).for_each(|leaf| tree.push(leaf.clone()));
        tree
    };
    let newest = checkpoints.last().unwrap();
    let whole = grown(newest.tree_size);
    let root_of = |row: &agentsh::journal::CheckpointRow| {
        ct_merkle::RootHash::<Sha256>::new(*<&sha2::digest::Output<Sha256>>::try_from(&row.root[..]).unwrap(), row.tree_size)
    };
    let root = root_of(newest);
    for (index, leaf) in leaves.iter().take(usize::try_from(newest.tree_size).unwrap()).enumerate() {
        let proof = whole.prove_inclusion(index);
        root.verify_inclusion(leaf, index as u64, &proof).unwrap();
        assert!(root.verify_inclusion(&leaves[(index + 1) % leaves.len()], index as u64, &proof).is_err());
    }
    for older in &checkpoints[..checkpoints.len() - 1] {
        let proof = whole.prove_consistency(usize::try_from(newest.tree_size - older.tree_size).unwrap());
        root.verify_consistency(&root_of(older), &proof).unwrap();
        let mut other = older.clone();
        other.root[0] ^= 1;
        assert!(root.verify_consistency(&root_of(&other), &proof).is_err());
    }
    let stored = store(folder.path()).tree().unwrap();
    assert_eq!(stored.root().as_slice(), grown(leaves.len() as u64).root().as_bytes().as_slice());
}
