//! The fold: what a report counts, one event after the other.

use std::collections::{BTreeMap, HashMap};

use super::model::{
    CommandReport, Counted, DetectionReport, HostReport, LayerLine, Listed, ProgramReport, RefusalReport, Report,
};
use crate::event::{Decision, Event, EventId, JournaledEvent, Kind, NetConnect, OsText, Payload, ProcessExit};
use crate::query::session::Undone;

/// Entries of a list that a report names; the others are counted.
const NAMED: usize = 100;

/// Operations whose refusal is looked for on the next event.
#[derive(Default)]
pub(super) struct Fold {
    report: Report,
    undone: Undone,
    commands: Vec<CommandReport>,
    /// The place in `commands` of each `command_started`, by id.
    started: HashMap<EventId, usize>,
    programs: BTreeMap<String, ProgramReport>,
    failures: BTreeMap<(Kind, String), u64>,
    outside: BTreeMap<OsText, u64>,
    hosts: BTreeMap<String, HostReport>,
    refused: BTreeMap<(Option<String>, Kind), RefusalReport>,
    detections: BTreeMap<(String, String), DetectionReport>,
    /// Who an operation on the network was with, until its decision came: it stands right behind.
    last_host: Option<(EventId, String)>,
}

impl Fold {
    /// `undone` are the operations that did not happen.
    pub(super) fn new(session: &str, undone: Undone) -> Self {
        let report = Report { session: session.to_owned(), began_us: i64::MAX, last_us: i64::MIN, ..Report::default() };
        Self { report, undone, ..Self::default() }
    }

    pub(super) fn take(&mut self, event: &JournaledEvent) {
        let seq = event.seq.get();
        let event = &event.event;
        let report = &mut self.report;
        report.events += 1;
        report.seqs = (if report.seqs.0 == 0 { seq } else { report.seqs.0 }, seq);
        report.began_us = report.began_us.min(event.time.as_micros());
        report.last_us = report.last_us.max(event.time.as_micros());
        *report.kinds.entry(event.kind().as_str().to_owned()).or_default() += 1;
        self.payload(seq, event);
    }

    fn payload(&mut self, seq: u64, event: &Event) {
        let happened = !self.undone.contains(event.id);
        match &event.payload {
            Payload::SessionCreated(p) => {
                let report = &mut self.report;
                report.hostname.clone_from(&p.hostname);
                report.uid = Some(p.uid);
                report.workspace = Some(p.workspace.clone());
                report.labels.clone_from(&p.labels);
                report.policy = Some(p.policy.clone());
                report.policy_digest = Some(p.policy_digest.clone()).filter(|digest| !digest.is_empty());
                report.agentsh_version = Some(p.agentsh_version.clone());
            }
            Payload::SessionEnded(p) => self.report.end_reason = Some(p.reason.clone()),
            Payload::CapabilityReport(p) => {
                self.report.layers = p
                    .layers
                    .iter()
                    .map(|layer| LayerLine {
                        layer: layer.layer,
                        state: layer.state,
                        mechanism: layer.mechanism.clone(),
                        reason: layer.reason.clone(),
                    })
                    .collect();
            }
            Payload::CommandStarted(p) => {
                self.started.insert(event.id, self.commands.len());
                let argv = p.argv.clone();
                let command = CommandReport { seq, argv, exit_code: None, signal: None, error: None, duration_us: None };
                self.commands.push(command);
            }
            Payload::CommandFinished(p) => {
                let place = event.cause.and_then(|cause| self.started.get(&cause).copied());
                if let Some(command) = place.and_then(|place| self.commands.get_mut(place)) {
                    command.exit_code = Some(p.exit_code);
                    command.signal.clone_from(&p.signal);
                    command.error.clone_from(&p.error);
                    command.duration_us = p.statistics.wall_time_us;
                }
            }
            Payload::ProcessExec(p) => {
                let program = self.program(&p.path);
                program.starts += u64::from(happened);
                program.refused += u64::from(!happened);
            }
            Payload::ProcessExit(p) => self.exit(p),
            Payload::FileOpen(p) if happened => self.opened(&p.path),
            Payload::OperationFailed(p) => *self.failures.entry((p.operation, p.error.clone())).or_default() += 1,
            Payload::DnsQuery(p) => self.host(event, Some(&p.name), None).queries += 1,
            Payload::NetConnect(p) => self.connect(event, p, happened),
            Payload::NetClose(p) => {
                let host = self.host(event, p.host.as_deref(), p.address.map(|address| address.to_string()));
                host.bytes_sent += p.bytes_sent;
                host.bytes_received += p.bytes_received;
            }
            Payload::HttpRequest(p) => {
                let host = self.host(event, Some(&p.host), None);
                add_port(host, p.port);
                host.requests += u64::from(happened);
            }
            Payload::HttpResponse(p) => {
                // It names no host of its own; its connection's `net_close` counts what went there, and one without has its request's body here.
                if p.connection.is_none()
                    && let Some((_, host)) = self.last_host.clone()
                    && let Some(host) = self.hosts.get_mut(&host)
                {
                    host.bytes_sent += p.request_bytes;
                    host.bytes_received += p.response_bytes;
                }
            }
            Payload::PolicyDecision(p) => {
                *self.report.decisions.entry(p.decision.as_str().to_owned()).or_default() += 1;
                if p.decision == Decision::Deny {
                    self.refuse(seq, event);
                }
            }
            Payload::Detection(_) => self.detect(seq, event),
            _ => {}
        }
    }

    fn program(&mut self, path: &OsText) -> &mut ProgramReport {
        let name = path.as_text().into_owned();
        self.programs.entry(name.clone()).or_insert_with(|| ProgramReport { program: name, ..ProgramReport::default() })
    }

    fn exit(&mut self, exit: &ProcessExit) {
        self.report.processes += 1;
        let Some(path) = &exit.path else { return };
        let statistics = &exit.statistics;
        let cpu = statistics.user_cpu_us.unwrap_or(0) + statistics.system_cpu_us.unwrap_or(0);
        let failed = exit.signal.is_some() || exit.exit_code.is_some_and(|code| code != 0);
        let program = self.program(path);
        program.failed += u64::from(failed);
        program.cpu_us += cpu;
    }

    fn opened(&mut self, path: &OsText) {
        let inside = self.report.workspace.as_ref().is_none_or(|workspace| {
            let rest = path.as_bytes().strip_prefix(workspace.as_bytes());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        });
        if !inside {
            *self.outside.entry(path.clone()).or_default() += 1;
        }
    }

    fn connect(&mut self, event: &Event, connect: &NetConnect, happened: bool) {
        let host = self.host(event, connect.host.as_deref(), connect.address.map(|address| address.to_string()));
        add_port(host, connect.port);
        host.connections += u64::from(happened);
    }

    fn host(&mut self, event: &Event, name: Option<&str>, address: Option<String>) -> &mut HostReport {
        let host = name.map(str::to_owned).or(address).unwrap_or_else(|| "unknown".to_owned());
        self.last_host = Some((event.id, host.clone()));
        self.hosts.entry(host.clone()).or_insert_with(|| HostReport { host, ..HostReport::default() })
    }

    fn refuse(&mut self, seq: u64, event: &Event) {
        let Payload::PolicyDecision(p) = &event.payload else { return };
        if let Some((operation, host)) = &self.last_host
            && event.cause == Some(*operation)
            && let Some(host) = self.hosts.get_mut(host)
        {
            host.refused += 1;
        }
        let refusal = self.refused.entry((p.rule.clone(), p.operation)).or_insert_with(|| RefusalReport {
            rule: p.rule.clone(),
            operation: p.operation.as_str().to_owned(),
            times: 0,
            seq,
            subject: p.subject.clone().unwrap_or_default(),
            reason: p.reason.clone(),
            enforced: p.enforced != Some(false),
        });
        refusal.times += 1;
    }

    fn detect(&mut self, seq: u64, event: &Event) {
        let Payload::Detection(p) = &event.payload else { return };
        let tactics = if p.tactics.is_empty() { vec![String::new()] } else { p.tactics.clone() };
        for tactic in tactics {
            let detection = self.detections.entry((tactic, p.rule_id.clone())).or_insert_with(|| DetectionReport {
                rule_id: p.rule_id.clone(),
                title: p.title.clone(),
                level: p.level.clone(),
                techniques: p.techniques.clone(),
                times: 0,
                seq,
            });
            detection.times += 1;
        }
    }

    pub(super) fn finish(self) -> Report {
        let mut report = self.report;
        if report.events == 0 {
            (report.began_us, report.last_us) = (0, 0);
        }
        report.commands = Listed::of(self.commands, NAMED);
        let mut programs: Vec<ProgramReport> = self.programs.into_values().collect();
        programs.sort_by(|a, b| b.starts.cmp(&a.starts).then_with(|| a.program.cmp(&b.program)));
        report.programs = Listed::of(programs, NAMED);
        let failures = self
            .failures
            .into_iter()
            .map(|((kind, error), times)| Counted { what: format!("{}: {error}", kind.as_str()), times });
        report.failures = most_frequent(failures.collect());
        report.outside = most_frequent(
            self.outside.into_iter().map(|(path, times)| Counted { what: path.as_text().into_owned(), times }).collect(),
        );
        let mut hosts: Vec<HostReport> = self.hosts.into_values().collect();
        hosts.sort_by(|a, b| {
            let volume = |host: &HostReport| (host.bytes_sent, host.requests + host.connections, host.refused);
            volume(b).cmp(&volume(a)).then_with(|| a.host.cmp(&b.host))
        });
        report.hosts = Listed::of(hosts, NAMED);
        let mut refused: Vec<RefusalReport> = self.refused.into_values().collect();
        refused.sort_by(|a, b| b.times.cmp(&a.times).then_with(|| a.seq.cmp(&b.seq)));
        report.refused = Listed::of(refused, NAMED);
        for ((tactic, _), detection) in self.detections {
            report.detections.entry(tactic).or_default().push(detection);
        }
        for detections in report.detections.values_mut() {
            detections.sort_by_key(|detection| (std::cmp::Reverse(rank(&detection.level)), detection.seq));
        }
        report
    }
}

/// How grave a level is.
fn rank(level: &str) -> u8 {
    match level {
        "critical" => 5,
        "high" => 4,
        "medium" => 3,
        "low" => 2,
        _ => 1,
    }
}

fn add_port(host: &mut HostReport, port: u16) {
    if let Err(place) = host.ports.binary_search(&port) {
        host.ports.insert(place, port);
    }
}

fn most_frequent(mut all: Vec<Counted>) -> Listed<Counted> {
    all.sort_by(|a, b| b.times.cmp(&a.times).then_with(|| a.what.cmp(&b.what)));
    Listed::of(all, NAMED)
}
