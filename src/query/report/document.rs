//! The report in words: what stands in each section, whatever its form.

use super::model::{HostReport, Report};
use crate::encode::document::{Block, Document, Section, Table};
use crate::encode::utc::rfc3339;
use crate::event::{LayerState, OsText, Timestamp};
use crate::runtime::units::{Age, Bytes, Count};

/// The report as a document. `technique` gives the name of an ATT&CK technique, `tactic` that of a tactic.
#[must_use]
pub fn document(
    report: &Report,
    technique: &dyn Fn(&str) -> Option<String>,
    tactic: &dyn Fn(&str) -> Option<String>,
) -> Document {
    Document {
        title: format!("Session {}", report.session),
        sections: vec![
            overview(report),
            integrity(report),
            layers(report),
            ran(report),
            touched(report),
            network(report),
            refused(report),
            detections(report, technique, tactic),
        ],
    }
}

fn section(heading: &str, blocks: Vec<Block>) -> Section {
    Section { heading: heading.to_owned(), blocks }
}

fn count(number: u64) -> String {
    Count(number).to_string()
}

fn time(micros: i64) -> String {
    rfc3339(Timestamp::from_micros(micros))
}

fn overview(report: &Report) -> Section {
    let mut facts = vec![
        ("began".to_owned(), time(report.began_us)),
        ("last event".to_owned(), format!("{} ({} later)", time(report.last_us), Age::between(report.began_us, report.last_us))),
        ("ended".to_owned(), report.end_reason.clone().unwrap_or_else(|| "not yet".to_owned())),
        (
            "events".to_owned(),
            format!("all {} are in this report (seq {} to {})", count(report.events), report.seqs.0, report.seqs.1),
        ),
    ];
    let mut fact = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            facts.push((name.to_owned(), value));
        }
    };
    fact("host", Some(report.hostname.clone()));
    fact("user id", report.uid.map(|uid| uid.to_string()));
    fact("workspace", report.workspace.as_ref().map(|path| path.as_text().into_owned()));
    fact("labels", Some(report.labels.join(" ")));
    fact("policy", report.policy.clone());
    fact("policy digest", report.policy_digest.clone());
    fact("agentsh", report.agentsh_version.clone());
    let decisions: Vec<String> = report.decisions.iter().map(|(word, times)| format!("{} {word}", count(*times))).collect();
    fact("decisions", Some(decisions.join(", ")));
    let kinds: Vec<String> = report.kinds.iter().map(|(kind, times)| format!("{} {kind}", count(*times))).collect();
    fact("kinds", Some(kinds.join(", ")));
    section("Overview", vec![Block::Facts(facts)])
}

fn integrity(report: &Report) -> Section {
    let integrity = &report.integrity;
    let mut blocks = Vec::new();
    if integrity.leaves_wrong.is_empty() {
        blocks.push(Block::Line(format!(
            "The hash of each of the {} events was computed anew and is the stored one.",
            count(integrity.leaves_right)
        )));
    } else {
        let seqs: Vec<String> = integrity.leaves_wrong.iter().map(u64::to_string).collect();
        blocks.push(Block::Alert(format!("Changed since they were written: seq {}.", seqs.join(", "))));
    }
    match (integrity.tree_size, &integrity.signature_error) {
        (None, _) => blocks.push(Block::Alert("No signed checkpoint covers the session yet.".to_owned())),
        (Some(size), None) => {
            blocks.push(Block::Line(format!(
                "A signed checkpoint over events 1 to {size} covers the session; its signature is right."
            )));
        }
        (Some(size), Some(error)) => {
            blocks.push(Block::Alert(format!("The checkpoint over events 1 to {size} cannot be trusted: {error}.")))
        }
    }
    blocks.push(match integrity.journal_whole {
        Some(true) => Block::Line("The whole journal was verified: every event is the one that was written.".to_owned()),
        Some(false) => Block::Alert("The journal is not whole.".to_owned()),
        None => Block::Line(
            "Whether these events are the ones beneath the checkpoint's root was not looked at: `agentsh verify` does."
                .to_owned(),
        ),
    });
    blocks.extend(integrity.findings.iter().map(|finding| Block::Alert(finding.clone())));
    let mut facts = Vec::new();
    facts.extend(integrity.root.clone().map(|root| ("root".to_owned(), root)));
    facts.extend(integrity.key.clone().map(|key| ("public key".to_owned(), key)));
    if !facts.is_empty() {
        blocks.push(Block::Facts(facts));
    }
    if report.losses.is_empty() {
        blocks.push(Block::Line("Nothing was lost while the session ran.".to_owned()));
    } else {
        let lost: u64 = report.losses.iter().map(|loss| loss.count).sum();
        blocks.push(Block::Alert(format!("{} events were lost while the session ran.", count(lost))));
        let mut table = Table::new(&["#seq", "where", "#events", "why"]);
        table.rows = report
            .losses
            .iter()
            .map(|loss| vec![loss.seq.to_string(), loss.hop.clone(), count(loss.count), loss.reason.clone()])
            .collect();
        blocks.push(Block::Table(table));
    }
    section("Integrity", blocks)
}

fn layers(report: &Report) -> Section {
    if report.layers.is_empty() {
        return section("What was watching", vec![Block::Alert("No capability report is recorded.".to_owned())]);
    }
    let mut table = Table::new(&["layer", "state", "by", "remark"]);
    table.rows = report
        .layers
        .iter()
        .map(|line| {
            vec![
                line.layer.as_str().to_owned(),
                line.state.as_str().to_owned(),
                line.mechanism.clone().unwrap_or_default(),
                line.reason.clone().unwrap_or_default(),
            ]
        })
        .collect();
    let enforcing = report.layers.iter().filter(|line| line.state == LayerState::Enforcing).count();
    let line =
        format!("{enforcing} of {} layers could refuse; what an absent layer covers is not in this report.", report.layers.len());
    section("What was watching", vec![Block::Line(line), Block::Table(table)])
}

fn words(argv: &[OsText]) -> String {
    argv.iter().map(|argument| argument.as_text().into_owned()).collect::<Vec<_>>().join(" ")
}

fn ran(report: &Report) -> Section {
    let mut commands = Table::new(&["#seq", "command", "end", "took"]);
    commands.all = report.commands.all;
    for command in &report.commands.first {
        let end = match (&command.error, &command.signal, command.exit_code) {
            (Some(error), _, _) => error.clone(),
            (None, Some(signal), _) => signal.clone(),
            (None, None, Some(code)) => format!("exit {code}"),
            (None, None, None) => "no end is recorded".to_owned(),
        };
        let took = command.duration_us.map(|micros| Age(micros).to_string()).unwrap_or_default();
        commands.rows.push(vec![command.seq.to_string(), words(&command.argv), end, took]);
    }
    let mut programs = Table::new(&["program", "#starts", "#refused", "#failed", "CPU"]);
    programs.all = report.programs.all;
    for program in &report.programs.first {
        programs.rows.push(vec![
            program.program.clone(),
            count(program.starts),
            count(program.refused),
            count(program.failed),
            Age(program.cpu_us).to_string(),
        ]);
    }
    let mut blocks = vec![Block::Line(format!(
        "Commands: {}. Processes that ended: {}. Programs: {}.",
        count(report.commands.all),
        count(report.processes),
        count(report.programs.all)
    ))];
    blocks.extend(shown(commands));
    blocks.extend(shown(programs));
    if report.failures.all > 0 {
        let mut failures = Table::new(&["operation that failed", "#times"]);
        failures.all = report.failures.all;
        failures.rows = report.failures.first.iter().map(|failure| vec![failure.what.clone(), count(failure.times)]).collect();
        blocks.push(Block::Table(failures));
    }
    section("What ran", blocks)
}

fn shown(table: Table) -> Option<Block> {
    (!table.rows.is_empty()).then_some(Block::Table(table))
}

fn touched(report: &Report) -> Section {
    let counts: Vec<String> = report.change_counts.iter().map(|(word, times)| format!("{} {word}", count(*times))).collect();
    let net = if counts.is_empty() { "No file is another than before".to_owned() } else { counts.join(", ") };
    let mut blocks = vec![Block::Line(format!("{net}. Made and removed again: {}.", count(report.transient)))];
    let mut changes = Table::new(&["change", "file", "size before", "size after", "by"]);
    changes.all = report.changes.all;
    let size = |bytes: Option<u64>| bytes.map(|bytes| Bytes(bytes).to_string()).unwrap_or_default();
    for change in &report.changes.first {
        let path = match &change.from {
            Some(from) => format!("{} → {}", from.as_text(), change.path.as_text()),
            None => change.path.as_text().into_owned(),
        };
        changes.rows.push(vec![
            change.change.as_str().to_owned(),
            path,
            size(change.size_before),
            size(change.size_after),
            words(&change.programs),
        ]);
    }
    blocks.extend(shown(changes));
    if report.outside.all > 0 {
        let mut outside = Table::new(&["opened outside of the workspace", "#times"]);
        outside.all = report.outside.all;
        outside.rows = report.outside.first.iter().map(|file| vec![file.what.clone(), count(file.times)]).collect();
        blocks.push(Block::Table(outside));
    }
    section("What it touched", blocks)
}

fn network(report: &Report) -> Section {
    if report.hosts.all == 0 {
        return section("What left the machine", vec![Block::Line("Nothing that was seen.".to_owned())]);
    }
    let sum = |of: fn(&HostReport) -> u64| report.hosts.first.iter().map(of).sum::<u64>();
    let mut table = Table::new(&["host", "ports", "#queries", "#connections", "#requests", "#refused", "sent", "received"]);
    table.all = report.hosts.all;
    for host in &report.hosts.first {
        let ports: Vec<String> = host.ports.iter().map(u16::to_string).collect();
        table.rows.push(vec![
            host.host.clone(),
            ports.join(" "),
            count(host.queries),
            count(host.connections),
            count(host.requests),
            count(host.refused),
            Bytes(host.bytes_sent).to_string(),
            Bytes(host.bytes_received).to_string(),
        ]);
    }
    let line = format!("Hosts: {}. Sent to those named here: {}.", count(report.hosts.all), Bytes(sum(|host| host.bytes_sent)));
    section("What left the machine", vec![Block::Line(line), Block::Table(table)])
}

fn refused(report: &Report) -> Section {
    if report.refused.all == 0 {
        return section("What was refused", vec![Block::Line("Nothing.".to_owned())]);
    }
    let mut table = Table::new(&["rule", "operation", "#times", "#first seq", "first subject", "why"]);
    table.all = report.refused.all;
    for refusal in &report.refused.first {
        let mut why = refusal.reason.clone();
        if !refusal.enforced {
            why.push_str(" (would have been; it was over already)");
        }
        table.rows.push(vec![
            refusal.rule.clone().unwrap_or_else(|| "(default)".to_owned()),
            refusal.operation.clone(),
            count(refusal.times),
            refusal.seq.to_string(),
            refusal.subject.clone(),
            why,
        ]);
    }
    section("What was refused", vec![Block::Table(table)])
}

fn detections(report: &Report, technique: &dyn Fn(&str) -> Option<String>, tactic: &dyn Fn(&str) -> Option<String>) -> Section {
    if report.detections.is_empty() {
        return section("Detections", vec![Block::Line("No rule recognised anything.".to_owned())]);
    }
    let mut table = Table::new(&["tactic", "level", "rule", "techniques", "#times", "#first seq"]);
    for (name, detections) in &report.detections {
        let shown = match name.as_str() {
            "" => "–".to_owned(),
            name => tactic(name).unwrap_or_else(|| name.to_owned()),
        };
        for detection in detections {
            let techniques = detection.techniques.iter().map(|id| match technique(id.as_str()) {
                Some(name) => format!("{id} {name}"),
                None => id.to_string(),
            });
            table.rows.push(vec![
                shown.clone(),
                detection.level.clone(),
                detection.title.clone(),
                techniques.collect::<Vec<_>>().join(", "),
                count(detection.times),
                detection.seq.to_string(),
            ]);
        }
    }
    section("Detections", vec![Block::Table(table)])
}
