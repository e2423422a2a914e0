//! Sessions of a server that is not root's.

use agentsh::event::{Kind, Layer, LayerState, Payload};

use super::rig::{Server, TRANSPORTS, ends};
use crate::run::support::{Place, text};

#[test]
fn an_ordinary_users_server_runs_commands_on_one_mount_where_user_namespaces_allow_it() {
    let Some(place) = Place::for_nobody("a server of the user nobody") else { return };
    let server = Server::start_as(place, &[], true);
    let session = server.create();
    for transport in TRANSPORTS {
        let output = server.exec(transport, &session, &["sh", "-c", "id -u; echo x > made; cat made; exit 3"]);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(3), "65534\nx\n"), "{}", text(&output.stderr));
    }
    let (place, status) = server.stop();
    assert!(status.success());
    assert_eq!(ends(&place).len(), 1);
    place.check_whole();
    // What it could not set up is said.
    let layers = match &place.events_of(Kind::CapabilityReport)[0].event.payload {
        Payload::CapabilityReport(report) => report.layers.clone(),
        other => panic!("{other:?}"),
    };
    let fuse = layers.iter().find(|report| report.layer == Layer::Fuse).unwrap();
    match fuse.state {
        LayerState::Enforcing => {
            let commands: std::collections::BTreeSet<_> = place
                .events_of(Kind::FileOpen)
                .into_iter()
                .chain(place.events_of(Kind::FileCreate))
                .map(|e| e.event.command_id)
                .collect();
            assert!(commands.len() >= 2 && !commands.contains(&None), "{commands:?}");
        }
        LayerState::Absent | LayerState::Observing => {
            assert!(fuse.reason.is_some() && fuse.remedy.is_some(), "{fuse:?}");
            eprintln!("skipped: the mount of the user nobody: {}", fuse.reason.clone().unwrap());
        }
    }
}
