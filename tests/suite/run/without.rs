//! What is missing on a machine: another user than root, no FUSE device, a full disk.

use std::process::Command;

use agentsh::event::{Kind, LayerReport, LayerState, Payload};

use super::support::{AGENTSH, Place, text};

fn layer(place: &Place, name: &str) -> LayerReport {
    let reports = place.events_of(Kind::CapabilityReport);
    let Payload::CapabilityReport(report) = &reports[0].event.payload else { panic!("{reports:?}") };
    report.layers.iter().find(|layer| layer.layer.as_str() == name).unwrap().clone()
}

#[test]
fn g10_an_ordinary_user_records_and_is_told_what_is_missing() {
    let Some(place) = Place::for_nobody("an ordinary user records") else { return };
    let output = place.command_as_nobody(&["sh", "-c", "id -u; echo x > made; /bin/true; exit 5"]).output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "65534\n");
    assert!(place.workspace().join("made").exists());
    place.check_whole();
    place.check_accounted();
    let fuse = layer(&place, "fuse");
    let device_is_open = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", ": <> /dev/fuse"])
        .status()
        .unwrap()
        .success();
    if device_is_open {
        assert_eq!(fuse.state, LayerState::Enforcing, "{fuse:?}");
    } else {
        assert_eq!(fuse.state, LayerState::Absent);
        assert!(fuse.reason.is_some_and(|reason| reason.contains("/dev/fuse")));
        assert!(fuse.remedy.is_some());
    }
    if layer(&place, "exec").state == LayerState::Enforcing {
        assert!(place.subjects(Kind::ProcessExec).iter().any(|path| path.ends_with("/true")));
    }
}

/// Runs a script as root in a mount namespace of its own; `None` (and the reason on stderr) where that cannot be done.
fn in_private_mounts(test: &str, script: &str, place: &Place) -> Option<std::process::Output> {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: {test}: only root can arrange its devices");
        return None;
    }
    let output = Command::new("unshare")
        .args(["-m", "sh", "-ec", script])
        .env("AGENTSH", AGENTSH)
        .env("PLACE", place.folder())
        .current_dir(place.workspace())
        .output()
        .unwrap();
    Some(output)
}

#[test]
fn an_ordinary_user_with_a_fuse_device_records_files_too() {
    let Some(place) = Place::for_nobody("an ordinary user with a FUSE device") else { return };
    // Most machines have a device that everyone may open (mode 0666); this one may not.
    let script = "mknod $PLACE/fuse c 10 229 && chmod 666 $PLACE/fuse && mount --bind $PLACE/fuse /dev/fuse
        HOME=$PLACE exec setpriv --reuid=65534 --regid=65534 --clear-groups $AGENTSH run --data-dir $PLACE/data -- sh -c 'echo x > made; cat made; mkdir .ssh; echo > .ssh/id_rsa'";
    let Some(output) = in_private_mounts("an ordinary user with a FUSE device", script, &place) else { return };
    if layer(&place, "fuse").state != LayerState::Enforcing {
        eprintln!("skipped: an ordinary user with a FUSE device: {:?}", layer(&place, "fuse"));
        return;
    }
    assert_eq!(text(&output.stdout), "x\n", "{}", text(&output.stderr));
    assert_eq!(place.subjects(Kind::FileCreate).len(), 2, "{:?}", place.subjects(Kind::FileCreate));
    assert!(!place.workspace().join(".ssh/id_rsa").exists());
    place.check_whole();
    place.check_accounted();
}

#[test]
fn g10_without_a_fuse_device_the_session_goes_on_and_says_so() {
    let place = Place::new();
    let script =
        "mount --bind $PLACE/workspace /dev && exec $AGENTSH run --data-dir $PLACE/data -- sh -c 'echo x > made; exit 3'";
    let Some(output) = in_private_mounts("no FUSE device", script, &place) else { return };
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let fuse = layer(&place, "fuse");
    assert_eq!(fuse.state, LayerState::Absent);
    assert!(fuse.reason.is_some_and(|reason| reason.contains("/dev/fuse")));
    assert!(fuse.remedy.is_some_and(|remedy| remedy.contains("--device /dev/fuse")));
    assert!(place.events_of(Kind::FileCreate).is_empty());
    place.check_whole();
}

#[test]
fn g8_on_a_full_disk_the_session_is_refused_its_operations_and_goes_on_when_there_is_room() {
    let place = Place::new();
    // The data directory is on a small tmpfs, which the command's accomplice fills and empties from outside of the session.
    let script = "mkdir $PLACE/data && mount -t tmpfs -o size=14m tmpfs $PLACE/data && cp -r /dev/null $PLACE/go
        ( while [ ! -e $PLACE/workspace/begun ]; do :; done
          dd if=/dev/zero of=$PLACE/data/ballast bs=64k 2>/dev/null || true
          : > $PLACE/workspace/full
          while [ ! -e $PLACE/workspace/refused ]; do [ -e $PLACE/over ] && break; :; done
          rm -f $PLACE/data/ballast ) &
        accomplice=$!
        $AGENTSH run --data-dir $PLACE/data -- sh -c '
            : > begun
            while [ ! -e full ]; do :; done
            i=0; while [ $i -lt 200000 ] && echo $i 2>/dev/null > file; do i=$((i+1)); done
            [ $i -lt 200000 ] && echo refused
            i=0; while [ $i -lt 100000 ] && ! : 2>/dev/null > refused; do i=$((i+1)); done
            exit 0' || true
        : > $PLACE/over; wait $accomplice; rm -f $PLACE/data/ballast
        $AGENTSH run --data-dir $PLACE/data -- true || true
        cp -r $PLACE/data $PLACE/copy";
    let Some(output) = in_private_mounts("a full disk", script, &place) else { return };
    assert!(output.status.success(), "{}", text(&output.stderr));
    std::fs::rename(place.folder().join("copy"), place.folder().join("data-copy")).unwrap();
    let _ = std::fs::remove_dir(place.data());
    std::fs::rename(place.folder().join("data-copy"), place.data()).unwrap();
    if layer(&place, "fuse").state != LayerState::Enforcing {
        eprintln!("skipped: a full disk: the workspace cannot be mounted here");
        return;
    }
    assert_eq!(text(&output.stdout), "refused\n", "{}", text(&output.stderr));
    place.check_whole();
    place.check_accounted();
    assert_eq!(place.events_of(Kind::SessionEnded).len(), 2, "it goes on when there is room");
}
