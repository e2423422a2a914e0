//! A stored row as a protobuf message and back, beside what prost does with the same messages when they are ready-made.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use agentsh::encode::proto::{self, Mask};
use agentsh::encode::stored::{self, Columns};
use agentsh::event::{Decision, Event, Kind, Payload, PolicyDecision, ProcessExec};
use prost::Message;

use crate::{load, median};

/// Rounds are shorter than a time slice and there are many, so that the middle one was not interrupted.
const ROUNDS: usize = 301;
const EVENTS: u32 = 1_000;

pub fn run(_: &Path) -> String {
    let mut text = String::from(
        "Nanoseconds for one event, one thread. To the wire: `put_event` from the journal's columns (it reads the stored JSON), whole \
         and under the mask `kind`, `subject`, `actor.exe`; beside it serde_json reading the payload into a value, and prost encoding \
         a message that is ready-made. From the wire: prost decoding the message, and `to_event` on what it decoded.\n\n\
         | event | row, bytes | message, bytes | `put_event` | masked | serde_json | prost encode | prost decode | `to_event` |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for payload in payloads() {
        text += &line(&load::event(payload, None));
    }
    text
}

fn payloads() -> [Payload; 4] {
    let path = "/usr/lib/gcc/x86_64-linux-gnu/12/cc1";
    [
        load::open(4_711),
        load::close(4_711),
        PolicyDecision {
            subject: Some("/home/dev/project/src/module_4711.c".to_owned()),
            operation: Kind::FileOpen,
            decision: Decision::Allow,
            rule: Some("allow-workspace".to_owned()),
            reason: "the workspace may be read and written".to_owned(),
            policy_digest: "3b1f5e0d2a4c69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0".to_owned(),
            redirect_to: None,
            ..PolicyDecision::default()
        }
        .into(),
        ProcessExec {
            path: path.into(),
            requested: path.into(),
            argv: [path, "-quiet", "-I", "include", "src/module_4711.c", "-O2", "-o", "/tmp/ccX1.s"].map(Into::into).to_vec(),
            argc: 8,
            argv_bytes: 96,
            parent_exe: Some("/usr/bin/gcc".into()),
            depth: 3,
            ..ProcessExec::default()
        }
        .into(),
    ]
}

fn line(event: &Event) -> String {
    let mut frame = Vec::new();
    stored::encode(event, &mut frame);
    let (columns, _) = Columns::parse(&frame).unwrap();
    let masked = Mask::compile(["kind", "subject", "actor.exe"]).unwrap();
    let mut out = Vec::new();
    proto::put_event(4_711_000, &columns, &Mask::all(), &mut out).unwrap();
    let encoded = out.clone();
    let message = proto::Event::decode(encoded.as_slice()).unwrap();
    let mut put = |mask: &Mask| {
        nanoseconds(|| {
            out.clear();
            proto::put_event(black_box(4_711_000), black_box(&columns), mask, &mut out).unwrap();
            black_box(&out);
        })
    };
    let (whole, part) = (put(&Mask::all()), put(&masked));
    let value = nanoseconds(|| {
        black_box(serde_json::from_str::<serde_json::Value>(black_box(columns.payload)).unwrap());
    });
    let encode = nanoseconds(|| {
        out.clear();
        black_box(&message).encode(&mut out).unwrap();
        black_box(&out);
    });
    let decode = nanoseconds(|| {
        black_box(proto::Event::decode(black_box(encoded.as_slice())).unwrap());
    });
    // Decoding gives the message that is taken apart; its time is taken off.
    let both = nanoseconds(|| {
        black_box(proto::to_event(proto::Event::decode(black_box(encoded.as_slice())).unwrap()).unwrap());
    });
    format!(
        "| `{}` | {} | {} | {whole:.0} | {part:.0} | {value:.0} | {encode:.0} | {decode:.0} | {:.0} |\n",
        event.kind().as_str(),
        frame.len(),
        encoded.len(),
        (both - decode).max(0.0)
    )
}

/// The middle of several rounds, for one call.
fn nanoseconds(mut call: impl FnMut()) -> f64 {
    let mut round = || {
        let started = Instant::now();
        for _ in 0..EVENTS {
            call();
        }
        started.elapsed().as_secs_f64() * 1e9 / f64::from(EVENTS)
    };
    for _ in 0..ROUNDS / 10 {
        round(); // warm-up
    }
    median(&std::array::from_fn::<_, ROUNDS, _>(|_| round()))
}
