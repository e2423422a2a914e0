//! Each request of the kernel is timed under its own name.

use std::fs;

use agentsh::runtime::metrics::{FuseRequest, metrics};

use super::rig::rig;

#[test]
fn what_the_kernel_asks_for_is_timed_under_its_name() {
    let Some(rig) = rig() else { return };
    let kinds = [
        FuseRequest::Create,
        FuseRequest::Write,
        FuseRequest::Release,
        FuseRequest::Mkdir,
        FuseRequest::Rename,
        FuseRequest::Unlink,
    ];
    let counts = || kinds.map(|kind| metrics().fuse_latency.of(kind).count());
    let before = counts();
    fs::write(rig.at("a"), "hello").unwrap();
    fs::create_dir(rig.at("d")).unwrap();
    fs::rename(rig.at("a"), rig.at("d/b")).unwrap();
    fs::remove_file(rig.at("d/b")).unwrap();
    rig.end();
    for ((kind, before), after) in kinds.into_iter().zip(before).zip(counts()) {
        assert!(after > before, "{kind:?}");
    }
}
