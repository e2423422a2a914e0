//! Ingest: what a sensor tells is recorded once, under its own name, and acknowledged once it is committed.

use agentsh::encode::proto::ingest_request::Message as Ask;
use agentsh::encode::proto::ingest_response::Message as Answer;
use agentsh::encode::proto::{
    self, Decision, IngestAck, IngestBatch, IngestHello, IngestRequest, IngestResponse, IngestWelcome, SensorLoss, Verdict,
    VerdictRequest,
};
use agentsh::journal::{JournalConfig, ReaderStore};
use agentsh::serve::auth::{KeyFile, Keys, Role};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use super::rig::{InProcess, events, make_key, open, runtime, soon};
use crate::support::sqlite3;

/// One sensor's stream.
pub struct Sensor {
    asks: mpsc::Sender<IngestRequest>,
    answers: Streaming<IngestResponse>,
}

impl Sensor {
    /// Opens a stream and says hello.
    pub async fn open(addr: std::net::SocketAddr, key: &str) -> Result<(Self, IngestWelcome), Status> {
        let (asks, requests) = mpsc::channel(64);
        let mut client = events(addr, Some(key)).await;
        let hello = Ask::Hello(IngestHello { description: "a test".to_owned() });
        asks.send(IngestRequest { message: Some(hello) }).await.unwrap();
        let answers = soon("opening", client.ingest(ReceiverStream::new(requests))).await?.into_inner();
        let mut sensor = Self { asks, answers };
        match sensor.next().await? {
            Answer::Welcome(welcome) => Ok((sensor, welcome)),
            other => panic!("no welcome: {other:?}"),
        }
    }

    pub async fn ask(&self, message: Ask) {
        let _ended = self.asks.send(IngestRequest { message: Some(message) }).await;
    }

    pub async fn batch(&self, first_sequence: u64, events: Vec<proto::Event>) {
        self.ask(Ask::Batch(IngestBatch { first_sequence, events, lost: None })).await;
    }

    pub async fn next(&mut self) -> Result<Answer, Status> {
        let answer = soon("an answer", self.answers.message()).await?;
        Ok(answer.expect("the stream ended").message.unwrap())
    }

    /// Waits until everything up to `sequence` is acknowledged.
    pub async fn acked(&mut self, sequence: u64) -> Result<IngestAck, Status> {
        loop {
            if let Answer::Ack(ack) = self.next().await?
                && ack.acked_sequence >= sequence
            {
                return Ok(ack);
            }
        }
    }

    async fn verdict(&mut self) -> Verdict {
        loop {
            if let Answer::Verdict(verdict) = self.next().await.unwrap() {
                return verdict;
            }
        }
    }

    /// The status that the stream ends with.
    async fn end(mut self) -> Status {
        loop {
            if let Err(status) = self.next().await {
                return status;
            }
        }
    }
}

struct Rig {
    server: InProcess,
    key: String,
    other: String,
}

async fn start() -> Rig {
    start_with(JournalConfig::default(), 4_096).await
}

async fn start_with(journal: JournalConfig, window: u64) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let file = KeyFile::at(folder.path().join("keys.json"));
    let key = make_key(&file, "edge-7", &[Role::Sensor], None);
    let other = make_key(&file, "edge-8", &[Role::Sensor], None);
    let keys = Keys::open(file).unwrap();
    let server = InProcess::start_with(keys, journal, |config| config.ingest_window = window).await;
    Rig { server, key, other }
}

fn opens(from: u64, to: u64) -> Vec<proto::Event> {
    (from..=to).map(|number| open(&format!("/data/{number}"))).collect()
}

#[test]
fn g5_what_is_acknowledged_is_committed_and_what_is_sent_again_is_recorded_once() {
    runtime().block_on(async {
        let rig = start().await;
        let (mut sensor, welcome) = Sensor::open(rig.server.addr(), &rig.key).await.unwrap();
        assert_eq!(
            welcome,
            IngestWelcome {
                sensor: "edge-7".to_owned(),
                acked_sequence: 0,
                window: 4_096,
                policy_digest: welcome.policy_digest.clone()
            }
        );
        sensor.batch(1, opens(1, 3)).await;
        let ack = sensor.acked(3).await.unwrap();
        // Read by another connection at the moment of the acknowledgement.
        let store = ReaderStore::open(&rig.server.database()).unwrap();
        let row = store.sensor("edge-7").unwrap().unwrap();
        assert_eq!((row.sequence, row.events, row.seq), (3, 3, ack.seq));
        // Again, also overlapping, and with what is new.
        sensor.batch(1, opens(1, 3)).await;
        sensor.batch(2, opens(2, 5)).await;
        sensor.acked(5).await.unwrap();
        drop(sensor);
        // And by a stream that knows nothing.
        let (mut sensor, welcome) = Sensor::open(rig.server.addr(), &rig.key).await.unwrap();
        assert_eq!(welcome.acked_sequence, 5);
        sensor.batch(1, opens(1, 6)).await;
        sensor.acked(6).await.unwrap();
        let paths = sqlite3(
            &rig.server.database(),
            "SELECT group_concat(subject, ' ') FROM (SELECT subject FROM events WHERE kind = 'file_open' ORDER BY seq)",
        );
        assert_eq!(paths, "/data/1 /data/2 /data/3 /data/4 /data/5 /data/6");
        let sequences = sqlite3(
            &rig.server.database(),
            "SELECT group_concat(payload ->> '$.sensor.sequence') FROM events WHERE kind = 'file_open'",
        );
        assert_eq!(sequences, "1,2,3,4,5,6");
        // The table is a projection: it follows from the events.
        drop(sensor);
        let before = sqlite3(&rig.server.database(), "SELECT * FROM sensors");
        agentsh::app::journal::rebuild(&agentsh::journal::DataDir::at(rig.server.data_dir())).unwrap();
        assert_eq!(sqlite3(&rig.server.database(), "SELECT * FROM sensors"), before);
    });
}

#[test]
fn a_gap_is_refused_with_the_number_that_is_expected() {
    runtime().block_on(async {
        let rig = start().await;
        let (mut sensor, _) = Sensor::open(rig.server.addr(), &rig.key).await.unwrap();
        sensor.batch(1, opens(1, 2)).await;
        sensor.acked(2).await.unwrap();
        sensor.batch(5, opens(5, 6)).await;
        let status = sensor.end().await;
        assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, "the next number is 3, and this is 5"));
        let (sensor, welcome) = Sensor::open(rig.server.addr(), &rig.key).await.unwrap();
        assert_eq!(welcome.acked_sequence, 2);
        sensor.batch(0, opens(1, 1)).await;
        assert_eq!(sensor.end().await.code(), Code::FailedPrecondition);
        let (asks, requests) = mpsc::channel(4);
        let batch = IngestBatch { first_sequence: 3, events: opens(3, 3), lost: None };
        asks.send(IngestRequest { message: Some(Ask::Batch(batch)) }).await.unwrap();
        let mut client = events(rig.server.addr(), Some(&rig.key)).await;
        let mut answers = client.ingest(ReceiverStream::new(requests)).await.unwrap().into_inner();
        let status = soon("the end", answers.message()).await.unwrap_err();
        assert!(status.code() == Code::FailedPrecondition && status.message().contains("`hello`"), "{status}");
    });
}

#[test]
fn a_sensors_own_loss_is_declared_once_and_the_accounts_stay_right() {
    runtime().block_on(async {
        let rig = start().await;
        let (mut sensor, _) = Sensor::open(rig.server.addr(), &rig.key).await.unwrap();
        let lost = SensorLoss { count: 17, reason: "its ring was full".to_owned(), from_us: 5, to_us: 9 };
        let batch = IngestBatch { first_sequence: 1, events: opens(2, 3), lost: Some(lost) };
        sensor.ask(Ask::Batch(batch.clone())).await;
        sensor.ask(Ask::Batch(batch)).await;
        sensor.batch(4, opens(4, 4)).await;
        sensor.acked(4).await.unwrap();
        let losses = sqlite3(
            &rig.server.database(),
            "SELECT payload ->> '$.hop', payload ->> '$.reason', payload ->> '$.count', payload ->> '$.from_us', payload ->> '$.sensor.sequence' FROM events WHERE kind = 'events_lost'",
        );
        assert_eq!(losses, "sensor|edge-7: its ring was full|17|5|1");
        rig.server.journal.flush();
        let status = agentsh::query::status(rig.server.journal.data_dir()).unwrap();
        assert_eq!(status.accounts.differences, Vec::<String>::new());
    });
}

#[test]
fn a_sensor_tells_only_what_was_seen_and_only_under_its_own_name() {
    runtime().block_on(async {
        let rig = start().await;
        let (mut sensor, _) = Sensor::open(rig.server.addr(), &rig.key).await.unwrap();
        let mut mine = open("/data/1");
        mine.seq = 99;
        mine.session_id = Some("build".to_owned());
        mine.sensor = Some(proto::SensorOrigin { name: "edge-7".to_owned(), sequence: 77 });
        mine.id = "11111111-2222-4333-8444-555555555555".to_owned();
        let mut kept = open("/data/2");
        kept.session_id = Some("edge-7/build".to_owned());
        kept.id = "01936e2e-0000-7000-8000-000000000001".to_owned();
        let mut trick = open("/data/3");
        trick.session_id = Some("edge-8/build".to_owned());
        sensor.batch(1, vec![mine, kept, trick]).await;
        sensor.acked(3).await.unwrap();
        let told = sqlite3(
            &rig.server.database(),
            "SELECT session_id, payload ->> '$.sensor.name', payload ->> '$.sensor.sequence' FROM events WHERE kind = 'file_open' ORDER BY seq",
        );
        assert_eq!(told, "edge-7/build|edge-7|1\nedge-7/build|edge-7|2\nedge-7/edge-8/build|edge-7|3");
        let ids = sqlite3(&rig.server.database(), "SELECT lower(hex(id)) FROM events WHERE kind = 'file_open' ORDER BY seq");
        let ids: Vec<&str> = ids.lines().collect();
        assert_eq!(ids[1], "01936e2e000070008000000000000001");
        assert!(!ids[0].starts_with("1111") && ids[0].as_bytes()[12] == b'7', "{ids:?}");
        drop(sensor);

        let derived = |payload| proto::Event { payload: Some(payload), ..proto::Event::default() };
        let mut foreign = open("/data/4");
        foreign.sensor = Some(proto::SensorOrigin { name: "edge-8".to_owned(), sequence: 1 });
        for (event, reason) in [
            (foreign, "events[1]: it is said to come from `edge-8`"),
            (derived(proto::event::Payload::PolicyDecision(proto::PolicyDecision { decision: 1, operation: 100, ..Default::default() })), "events[1]: a sensor cannot tell a `policy_decision`"),
            (derived(proto::event::Payload::EventsLost(proto::EventsLost::default())), "events[1]: a sensor cannot tell a `events_lost`"),
            (derived(proto::event::Payload::JournalCheckpoint(proto::JournalCheckpoint::default())), "events[1]: a sensor cannot tell a `journal_checkpoint`"),
            (derived(proto::event::Payload::SinkStalled(proto::SinkStalled::default())), "events[1]: a sensor cannot tell a `sink_stalled`"),
            (derived(proto::event::Payload::Detection(proto::Detection::default())), "events[1]: a sensor cannot tell a `detection`"),
            (proto::Event::default(), "events[1]: `payload`"),
        ] {
            let (sensor, welcome) = Sensor::open(rig.server.addr(), &rig.key).await.unwrap();
            assert_eq!(welcome.acked_sequence, 3, "nothing of a batch with a fault is recorded");
            sensor.batch(4, vec![open("/data/x"), event]).await;
            let status = sensor.end().await;
            assert!(status.code() == Code::InvalidArgument && status.message().contains(reason), "{status}");
        }
    });
}

#[test]
fn every_kind_that_only_the_recorder_makes_is_refused() {
    use agentsh::event::{Family, Kind};
    // The rule is by family, and every kind has one.
    let recorders: Vec<&str> = Kind::ALL
        .iter()
        .filter(|kind| matches!(kind.family(), Family::Derived | Family::Pipeline))
        .map(|kind| kind.as_str())
        .collect();
    for kind in [
        "policy_decision",
        "approval_requested",
        "approval_resolved",
        "detection",
        "journal_opened",
        "journal_checkpoint",
        "events_lost",
        "policy_loaded",
        "sink_stalled",
        "sink_recovered",
    ] {
        assert!(recorders.contains(&kind), "{kind}");
    }
}

#[test]
fn g7_what_a_sensor_tells_is_redacted() {
    runtime().block_on(async {
        let rig = start().await;
        let (mut sensor, _) = Sensor::open(rig.server.addr(), &rig.key).await.unwrap();
        let secret = "ghp_0123456789abcdefghijklmnopqrstuvwxyz";
        let exec = proto::ProcessExec {
            path: "/usr/bin/curl".to_owned(),
            requested: "curl".to_owned(),
            argv: vec!["curl".to_owned(), "-u".to_owned(), "me:hunter2-hunter2".to_owned(), secret.to_owned()],
            argc: 4,
            ..Default::default()
        };
        let header = |name: &str, value: &str| proto::Header { name: name.to_owned(), value: value.to_owned() };
        let request = proto::HttpRequest {
            method: "GET".to_owned(),
            scheme: "https".to_owned(),
            host: "api.test".to_owned(),
            port: 443,
            path: format!("/v1/{secret}"),
            query: Some("token=hunter2-hunter2".to_owned()),
            version: "HTTP/1.1".to_owned(),
            headers: vec![header("authorization", "Bearer hunter2-hunter2")],
            ..Default::default()
        };
        let told = |payload| proto::Event { payload: Some(payload), ..proto::Event::default() };
        let command = proto::CommandStarted { argv: vec!["x".to_owned(), format!("--token={secret}")], ..Default::default() };
        sensor
            .batch(
                1,
                vec![
                    told(proto::event::Payload::ProcessExec(exec)),
                    told(proto::event::Payload::HttpRequest(request)),
                    told(proto::event::Payload::CommandStarted(command)),
                ],
            )
            .await;
        sensor.acked(3).await.unwrap();
        let payloads = sqlite3(&rig.server.database(), "SELECT payload FROM events WHERE payload LIKE '{\"sensor\"%'");
        assert_eq!(payloads.lines().count(), 3);
        assert!(!payloads.contains(secret) && !payloads.contains("hunter2") && payloads.contains("[redacted"), "{payloads}");
        for file in std::fs::read_dir(rig.server.data_dir().join("intakes")).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "the secret is in an intake");
        }
    });
}

#[test]
fn g1_a_question_is_on_record_with_its_decision_before_it_is_answered() {
    runtime().block_on(async {
        let rig = start().await;
        let (mut sensor, _) = Sensor::open(rig.server.addr(), &rig.key).await.unwrap();
        sensor.batch(1, opens(1, 1)).await;
        let ask = |request_id, sequence, path: &str| Ask::Verdict(VerdictRequest { request_id, sequence, operation: Some(open(path)) });
        sensor.ask(ask(7, 2, "/secret/key")).await;
        let denied = sensor.verdict().await;
        assert_eq!((denied.request_id, denied.decision(), denied.rule.as_deref()), (7, Decision::Deny, Some("keep-secrets")));
        sensor.ask(ask(8, 3, "/tmp/x")).await;
        let allowed = sensor.verdict().await;
        assert_eq!((allowed.request_id, allowed.decision(), allowed.rule), (8, Decision::Allow, None));
        sensor.acked(3).await.unwrap();
        // One decision each, directly behind its operation, under the id that was answered.
        let rows = sqlite3(
            &rig.server.database(),
            "SELECT o.subject, d.decision, d.seq - o.seq, lower(hex(o.id)) FROM events d JOIN events o ON o.id = d.cause WHERE d.kind = 'policy_decision' ORDER BY d.seq",
        );
        let id = |verdict: &str| verdict.replace('-', "");
        assert_eq!(rows, format!("/secret/key|deny|1|{}\n/tmp/x|allow|1|{}", id(&denied.event_id), id(&allowed.event_id)));

        // What was asked already, what comes too early, and what nobody can refuse.
        let exit = proto::Event {
            payload: Some(proto::event::Payload::ProcessExit(proto::ProcessExit::default())),
            ..proto::Event::default()
        };
        for (sequence, operation, code) in [
            (3, Some(open("/x")), Code::FailedPrecondition),
            (5, Some(open("/x")), Code::FailedPrecondition),
            (4, Some(exit), Code::InvalidArgument),
            (4, None, Code::InvalidArgument),
        ] {
            let (sensor, welcome) = Sensor::open(rig.server.addr(), &rig.key).await.unwrap();
            assert_eq!(welcome.acked_sequence, 3);
            sensor.ask(Ask::Verdict(VerdictRequest { request_id: 1, sequence, operation })).await;
            assert_eq!(sensor.end().await.code(), code, "{sequence}");
        }
    });
}

#[test]
fn registry_operations_that_nobody_asked_about_are_decided_in_hindsight_in_the_same_commit() {
    let set = |key: &str, value_name: &str| {
        let set = proto::RegistrySetValue {
            key: key.to_owned(),
            value_name: value_name.to_owned(),
            value_type: proto::RegistryValueType::Sz.into(),
            ..Default::default()
        };
        proto::Event { payload: Some(proto::event::Payload::RegistrySetValue(set)), ..proto::Event::default() }
    };
    runtime().block_on(async {
        let rig = start().await;
        let (mut sensor, _) = Sensor::open(rig.server.addr(), &rig.key).await.unwrap();
        let run = r"\REGISTRY\USER\S-1-5-21-7\Software\Microsoft\Windows\CurrentVersion\Run";
        let told = vec![set(run, "Evil"), open("/secret/key"), set(r"\REGISTRY\MACHINE\SOFTWARE\Mine", "a")];
        sensor.batch(1, told).await;
        sensor.acked(3).await.unwrap();
        let decided = sqlite3(
            &rig.server.database(),
            "SELECT o.subject, d.decision, d.payload ->> '$.enforced', coalesce(d.attack, '-'), d.seq - o.seq, o.payload ->> '$.sensor.sequence' \
             FROM events d JOIN events o ON o.id = d.cause WHERE d.kind = 'policy_decision' ORDER BY d.seq",
        );
        let expected = "HKU\\S-1-5-21-7\\Software\\Microsoft\\Windows\\CurrentVersion\\Run\\Evil|deny|0|[\"T1547.001\"]|1|1\n\
                        HKLM\\SOFTWARE\\Mine\\a|allow|0|-|1|3";
        assert_eq!(decided, expected);
        let outcomes = "SELECT group_concat(outcome) FROM operations WHERE operation = 'registry_set_value'";
        assert_eq!(sqlite3(&rig.server.database(), outcomes), "let through,let through");
    });
}

#[test]
fn a_second_stream_of_a_sensor_takes_over_and_another_sensor_is_left_alone() {
    runtime().block_on(async {
        let rig = start().await;
        let (mut first, _) = Sensor::open(rig.server.addr(), &rig.key).await.unwrap();
        let (mut other, _) = Sensor::open(rig.server.addr(), &rig.other).await.unwrap();
        first.batch(1, opens(1, 2)).await;
        first.acked(2).await.unwrap();
        let (mut second, welcome) = Sensor::open(rig.server.addr(), &rig.key).await.unwrap();
        assert_eq!(welcome.acked_sequence, 2);
        assert_eq!(first.end().await.code(), Code::Aborted);
        second.batch(3, opens(3, 3)).await;
        second.acked(3).await.unwrap();
        other.batch(1, opens(1, 1)).await;
        other.acked(1).await.unwrap();
    });
}

#[test]
fn g2_streams_that_race_for_one_sensor_record_each_number_once() {
    let runtime = runtime();
    let rig = runtime.block_on(start_with(JournalConfig::default(), 64));
    runtime.block_on(async {
        let addr = rig.server.addr();
        let racers: Vec<_> = (0..4)
            .map(|_| {
                let key = rig.key.clone();
                tokio::spawn(async move {
                    for _ in 0..20 {
                        // Each takes over from another, and sends what that one may just be sending.
                        let Ok((mut sensor, welcome)) = Sensor::open(addr, &key).await else { continue };
                        let next = welcome.acked_sequence + 1;
                        sensor.batch(next, opens(next, next + 19)).await;
                        let _or_taken_over = sensor.acked(next + 19).await;
                    }
                })
            })
            .collect();
        for racer in racers {
            soon("a racer", racer).await.unwrap();
        }
        let (mut sensor, welcome) = Sensor::open(addr, &rig.key).await.unwrap();
        let next = welcome.acked_sequence + 1;
        sensor.batch(next, opens(next, next + 99)).await;
        sensor.acked(next + 99).await.unwrap();
    });
    let sums = sqlite3(
        &rig.server.database(),
        "SELECT count(*), count(DISTINCT payload ->> '$.sensor.sequence'), max(payload ->> '$.sensor.sequence') FROM events WHERE kind = 'file_open'",
    );
    let numbers: Vec<&str> = sums.split('|').collect();
    assert!(numbers[0] == numbers[1] && numbers[1] == numbers[2], "{sums}");
}

#[test]
fn the_window_bounds_what_is_in_flight_and_a_full_intake_makes_the_sensor_wait() {
    runtime().block_on(async {
        // An intake that a few batches fill, and commits that come seldom.
        let journal = JournalConfig { intake_bytes: 64 << 10, ..JournalConfig::default() };
        let rig = start_with(journal, 100).await;
        let (mut sensor, welcome) = Sensor::open(rig.server.addr(), &rig.key).await.unwrap();
        assert_eq!(welcome.window, 100);
        let sending = {
            let asks = sensor.asks.clone();
            tokio::spawn(async move {
                for batch in 0..100 {
                    let events = opens(batch * 50 + 1, batch * 50 + 50);
                    let batch = IngestBatch { first_sequence: batch * 50 + 1, events, lost: None };
                    asks.send(IngestRequest { message: Some(Ask::Batch(batch)) }).await.unwrap();
                }
            })
        };
        sensor.acked(5_000).await.unwrap();
        sending.await.unwrap();
        assert_eq!(
            sqlite3(&rig.server.database(), "SELECT count(*), max(sequence) FROM sensors, events WHERE kind = 'file_open'"),
            "5000|5000"
        );
        assert_eq!(sqlite3(&rig.server.database(), "SELECT count(*) FROM events WHERE kind = 'events_lost'"), "0");
    });
}

#[test]
fn a_server_that_stops_acknowledges_what_it_has_and_says_why_it_ends() {
    runtime().block_on(async {
        let rig = start().await;
        let (mut sensor, _) = Sensor::open(rig.server.addr(), &rig.key).await.unwrap();
        sensor.batch(1, opens(1, 10)).await;
        sensor.acked(10).await.unwrap();
        rig.server.ingest.shut_down();
        let status = sensor.end().await;
        assert!(status.code() == Code::Unavailable && status.message().contains("shuts down"), "{status}");
    });
}

#[test]
fn an_event_that_is_too_large_for_the_intake_is_named_and_what_came_before_it_stays() {
    runtime().block_on(async {
        let journal = JournalConfig { intake_bytes: 64 << 10, ..JournalConfig::default() };
        let rig = start_with(journal, 4_096).await;
        let (sensor, _) = Sensor::open(rig.server.addr(), &rig.key).await.unwrap();
        sensor.batch(1, vec![open("/data/1"), open(&format!("/{}", "x".repeat(40_000))), open("/data/3")]).await;
        let status = sensor.end().await;
        assert!(status.code() == Code::InvalidArgument && status.message().contains("number 2 has"), "{status}");
        let (_, welcome) = Sensor::open(rig.server.addr(), &rig.key).await.unwrap();
        assert_eq!(welcome.acked_sequence, 1);
    });
}
