//! The attributes of each kind's payload.

use std::net::IpAddr;

use super::attributes::Attributes;
use crate::event::{
    CommandFinished, CommandStarted, Detection, DnsQuery, ExecStatistics, FileClose, Header, HttpRequest, HttpResponse, OsText,
    Payload, ProcessExec, ProcessExit, Protocol, SessionCreated, SocketNamespace, TlsHandshake,
};

/// What a payload says, under the names of the semantic conventions where there are such.
pub(super) fn put(payload: &Payload, to: &mut Attributes) {
    match payload {
        Payload::FileOpen(p) => {
            to.path("file.path", &p.path);
            to.text("agentsh.file.access", p.access.as_str());
            to.maybe_text("agentsh.file.rights", p.rights.as_deref());
        }
        Payload::FileCreate(p) => {
            to.path("file.path", &p.path);
            to.text("file.mode", mode(p.mode));
            to.text("agentsh.file.type", p.file_type.as_str());
            to.maybe_text("agentsh.file.access", p.access.map(crate::event::FileAccess::as_str));
            to.maybe_text("agentsh.file.stream", p.stream.as_deref());
            to.list("agentsh.file.hashes", p.hashes.iter().map(String::as_str));
            to.maybe_text("agentsh.file.contents", p.contents.as_deref());
        }
        Payload::FileRead(p) => transfer(to, &p.path, p.offset, p.size),
        Payload::FileWrite(p) => transfer(to, &p.path, p.offset, p.size),
        Payload::FileClose(p) => file_close(p, to),
        Payload::FileDelete(p) => {
            to.path("file.path", &p.path);
            to.list("agentsh.file.hashes", p.hashes.iter().map(String::as_str));
        }
        Payload::FileRename(p) => {
            to.path("file.path", &p.path);
            to.path("agentsh.file.new_path", &p.to);
        }
        Payload::FileLink(p) => {
            to.path("file.path", &p.path);
            to.path("agentsh.file.new_path", &p.to);
        }
        Payload::FileSymlink(p) => {
            to.path("file.path", &p.path);
            to.path("file.symbolic_link.target_path", &p.target);
        }
        Payload::FileTruncate(p) => {
            to.path("file.path", &p.path);
            to.count("file.size", p.size);
        }
        Payload::FileChmod(p) => {
            to.path("file.path", &p.path);
            to.text("file.mode", mode(p.mode));
        }
        Payload::FileChown(p) => {
            to.path("file.path", &p.path);
            to.maybe_text("file.owner.id", p.uid.map(|uid| uid.to_string()));
            to.maybe_text("file.group.id", p.gid.map(|gid| gid.to_string()));
        }
        Payload::FileUtimens(p) => {
            to.path("file.path", &p.path);
            to.maybe_number("agentsh.file.accessed_ns", p.atime_ns);
            to.maybe_number("agentsh.file.modified_ns", p.mtime_ns);
        }
        Payload::FileXattr(p) => {
            to.path("file.path", &p.path);
            to.text("agentsh.xattr.operation", p.operation.as_str());
            to.path("agentsh.xattr.name", &p.name);
        }
        Payload::DirCreate(p) => {
            to.path("file.path", &p.path);
            to.text("file.mode", mode(p.mode));
        }
        Payload::DirDelete(p) => to.path("file.path", &p.path),
        Payload::DirList(p) => to.path("file.path", &p.path),
        Payload::DnsQuery(p) => dns_query(p, to),
        Payload::NetConnect(p) => {
            peer(to, p.host.as_deref(), p.address, p.port);
            transport(to, p.protocol);
            to.text("agentsh.interception", p.interception.as_str());
            let source = p.source_host.clone().or_else(|| p.source_address.map(|address| address.to_string()));
            to.maybe_text("client.address", source);
            to.maybe_number("client.port", p.source_port);
            if let Some(initiated) = p.initiated {
                to.text("network.connection.direction", if initiated { "outbound" } else { "inbound" });
            }
        }
        Payload::NetClose(p) => {
            peer(to, p.host.as_deref(), p.address, p.port);
            to.count("agentsh.network.bytes_sent", p.bytes_sent);
            to.count("agentsh.network.bytes_received", p.bytes_received);
            to.count("agentsh.duration_us", p.duration_us);
            to.maybe_text("error.type", p.error.as_deref());
        }
        Payload::HttpRequest(p) => http_request(p, to),
        Payload::HttpResponse(p) => http_response(p, to),
        Payload::TlsHandshake(p) => tls_handshake(p, to),
        Payload::ProcessExec(p) => process_exec(p, to),
        Payload::ProcessExit(p) => process_exit(p, to),
        Payload::SignalSent(p) => {
            to.text("agentsh.signal.name", p.signal.as_str());
            to.number("agentsh.signal.target.pid", p.target_pid);
            to.maybe_path("agentsh.signal.target.executable.path", p.target_exe.as_ref());
        }
        Payload::ImageLoad(p) => {
            to.path("file.path", &p.path);
            if let Some(signed) = p.signed {
                to.flag("agentsh.image.signed", signed);
            }
            to.maybe_text("agentsh.image.signature", p.signature.as_deref());
            to.maybe_text("agentsh.image.signature.status", p.signature_status.as_deref());
            to.list("agentsh.image.hashes", p.hashes.iter().map(String::as_str));
            to.maybe_text("agentsh.image.original_file_name", p.original_file_name.as_deref());
            to.maybe_text("agentsh.image.product", p.product.as_deref());
            to.maybe_text("agentsh.image.company", p.company.as_deref());
            to.maybe_text("agentsh.image.description", p.description.as_deref());
            to.maybe_text("agentsh.image.version", p.file_version.as_deref());
        }
        Payload::ProcessAccess(p) => {
            to.number("agentsh.target.pid", p.target_pid);
            to.maybe_path("agentsh.target.executable.path", p.target_exe.as_ref());
            to.text("agentsh.target.access", p.access.as_str());
            to.maybe_text("agentsh.target.guid", p.target_guid.as_deref());
            to.maybe_text("agentsh.target.user", p.target_user.as_deref());
            to.maybe_text("agentsh.target.call_trace", p.call_trace.as_deref());
        }
        Payload::ProcessFork(p) => {
            to.number("agentsh.target.pid", p.child_pid);
            to.maybe_text("agentsh.target.guid", p.child_guid.as_deref());
        }
        Payload::UnixSocketConnect(p) => unix_socket(to, &p.address, p.namespace),
        Payload::UnixSocketBind(p) => unix_socket(to, &p.address, p.namespace),
        Payload::UnixSocketListen(p) => unix_socket(to, &p.address, p.namespace),
        Payload::UnixSocketSendto(p) => {
            unix_socket(to, &p.address, p.namespace);
            to.maybe_count("agentsh.network.bytes_sent", p.size);
        }
        Payload::PipeCreate(p) => pipe(to, &p.name),
        Payload::PipeConnect(p) => pipe(to, &p.name),
        Payload::RegistryCreateKey(p) => to.text("agentsh.registry.key", p.key.as_str()),
        Payload::RegistryOpenKey(p) => to.text("agentsh.registry.key", p.key.as_str()),
        Payload::RegistryQueryValue(p) => registry_value(to, &p.key, &p.value_name),
        Payload::RegistrySetValue(p) => {
            registry_value(to, &p.key, &p.value_name);
            to.text("agentsh.registry.value.type", p.value_type.as_str());
            to.maybe_text("agentsh.registry.value.data", p.data.as_deref());
            to.maybe_text("agentsh.registry.value.details", p.details.as_deref());
        }
        Payload::RegistryDeleteValue(p) => registry_value(to, &p.key, &p.value_name),
        Payload::RegistryDeleteKey(p) => to.text("agentsh.registry.key", p.key.as_str()),
        Payload::RegistryRenameKey(p) => {
            to.text("agentsh.registry.key", p.key.as_str());
            to.text("agentsh.registry.new_key", p.new_key.as_str());
        }
        Payload::CommandStarted(p) => command_started(p, to),
        Payload::CommandFinished(p) => command_finished(p, to),
        Payload::TerminalOutput(p) => {
            to.text("agentsh.terminal.stream", p.stream.as_str());
            to.count("agentsh.terminal.offset_us", p.offset_us);
        }
        Payload::TerminalInput(p) => to.count("agentsh.terminal.offset_us", p.offset_us),
        Payload::TerminalResize(p) => {
            to.number("agentsh.terminal.rows", p.rows);
            to.number("agentsh.terminal.columns", p.columns);
            to.count("agentsh.terminal.offset_us", p.offset_us);
        }
        Payload::SessionCreated(p) => session_created(p, to),
        Payload::SessionEnded(p) => {
            to.text("agentsh.session.end_reason", p.reason.as_str());
            to.count("agentsh.duration_us", p.duration_us);
            to.count("agentsh.session.processes_ended", p.processes_ended);
        }
        Payload::CapabilityReport(p) => to
            .list("agentsh.layers", p.layers.iter().map(|report| format!("{}={}", report.layer.as_str(), report.state.as_str()))),
        Payload::ResourceUsage(p) => {
            to.maybe_count("agentsh.usage.cpu_us", p.cpu_us);
            to.maybe_count("agentsh.usage.memory_bytes", p.memory_bytes);
            to.maybe_count("agentsh.usage.processes", p.processes);
            to.maybe_count("agentsh.usage.threads", p.threads);
            to.maybe_count("agentsh.usage.read_bytes", p.read_bytes);
            to.maybe_count("agentsh.usage.written_bytes", p.written_bytes);
        }
        Payload::ResourceLimitExceeded(p) => {
            to.text("agentsh.limit.resource", p.resource.as_str());
            to.count("agentsh.limit.value", p.limit);
            to.maybe_count("agentsh.limit.usage", p.usage);
            to.text("agentsh.limit.action", p.action.as_str());
        }
        Payload::PolicyDecision(p) => {
            to.maybe_text("agentsh.subject", p.subject.as_deref());
            to.text("agentsh.operation", p.operation.as_str());
            to.text("agentsh.decision", p.decision.as_str());
            to.text("agentsh.reason", p.reason.as_str());
            to.text("agentsh.policy.digest", p.policy_digest.as_str());
            to.maybe_text("agentsh.redirect_to", p.redirect_to.as_deref());
            if let Some(enforced) = p.enforced {
                to.flag("agentsh.decision.enforced", enforced);
            }
        }
        Payload::ApprovalRequested(p) => {
            to.maybe_text("agentsh.subject", p.subject.as_deref());
            to.text("agentsh.operation", p.operation.as_str());
            to.count("agentsh.approval.timeout_ms", p.timeout_ms);
        }
        Payload::ApprovalResolved(p) => {
            to.maybe_text("agentsh.subject", p.subject.as_deref());
            to.text("agentsh.approval.outcome", p.outcome.as_str());
            to.maybe_text("agentsh.approval.by", p.by.as_deref());
            to.maybe_text("agentsh.approval.origin", p.origin.as_deref());
            to.maybe_text("agentsh.reason", p.reason.as_deref());
            to.count("agentsh.approval.waited_us", p.waited_us);
        }
        Payload::Detection(p) => detection(p, to),
        Payload::OperationFailed(p) => {
            to.maybe_text("agentsh.subject", p.subject.as_deref());
            to.text("agentsh.operation", p.operation.as_str());
            to.text("error.type", p.error.as_str());
            to.number("agentsh.errno", p.errno);
        }
        Payload::JournalOpened(p) => {
            to.count("agentsh.journal.events_before", p.events_before);
            to.count("agentsh.journal.events_recovered", p.events_recovered);
        }
        Payload::JournalCheckpoint(p) => {
            to.count("agentsh.checkpoint.tree_size", p.tree_size);
            to.text("agentsh.checkpoint.root_hash", p.root_hash.as_str());
        }
        Payload::EventsLost(p) => {
            to.text("agentsh.lost.hop", p.hop.as_str());
            to.text("agentsh.reason", p.reason.as_str());
            to.count("agentsh.lost.count", p.count);
        }
        Payload::PolicyLoaded(p) => {
            to.text("agentsh.policy.name", p.name.as_str());
            to.text("agentsh.policy.digest", p.digest.as_str());
        }
        Payload::SinkStalled(p) => {
            to.text("agentsh.sink", p.sink.as_str());
            to.count("agentsh.sink.delivered", p.delivered);
            to.text("agentsh.reason", p.reason.as_str());
        }
        Payload::SinkRecovered(p) => {
            to.text("agentsh.sink", p.sink.as_str());
            to.count("agentsh.sink.delivered", p.delivered);
            to.count("agentsh.duration_us", p.stalled_us);
        }
        Payload::RecordUnread(p) => {
            to.path("file.path", &p.file);
            to.maybe_count("agentsh.io.offset", p.offset);
            to.text("agentsh.reason", p.reason.as_str());
            to.path("agentsh.record.raw", &p.raw);
            to.count("agentsh.record.size", p.raw_size);
        }
    }
}

/// Permission bits as `file.mode` has them.
fn mode(mode: u32) -> String {
    format!("{mode:04o}")
}

fn transfer(to: &mut Attributes, path: &OsText, offset: u64, size: Option<u64>) {
    to.path("file.path", path);
    to.count("agentsh.io.offset", offset);
    to.maybe_count("agentsh.io.size", size);
}

fn file_close(p: &FileClose, to: &mut Attributes) {
    to.path("file.path", &p.path);
    to.maybe_count("file.size", p.size_after);
    to.maybe_count("agentsh.file.size_before", p.size_before);
    to.text("agentsh.io.counting", p.counting.as_str());
    to.count("agentsh.io.reads", p.reads);
    to.count("agentsh.io.bytes_read", p.bytes_read);
    to.count("agentsh.io.writes", p.writes);
    to.count("agentsh.io.bytes_written", p.bytes_written);
    to.maybe_text("agentsh.file.blake3", p.blake3.as_deref());
}

fn dns_query(p: &DnsQuery, to: &mut Attributes) {
    to.text("dns.question.name", p.name.as_str());
    to.list("dns.answers", p.answers.iter().map(String::as_str));
    to.text("agentsh.dns.question.type", p.record_type.as_str());
    to.maybe_text("agentsh.dns.response_code", p.rcode.as_deref());
    to.count("agentsh.duration_us", p.latency_us);
    to.maybe_text("agentsh.dns.upstream", p.upstream.as_deref());
    // The conventions put what a client would branch on here, and a code other than NOERROR is that.
    let code = p.rcode.as_deref().filter(|code| *code != "NOERROR");
    to.maybe_text("error.type", p.error.as_deref().or(code));
    to.maybe_number("agentsh.dns.status", p.status);
}

fn peer(to: &mut Attributes, host: Option<&str>, address: Option<IpAddr>, port: u16) {
    to.maybe_text("server.address", host.map(str::to_owned).or_else(|| address.map(|address| address.to_string())));
    to.number("server.port", port);
    if let Some(address) = address {
        to.text("network.peer.address", address.to_string());
        to.number("network.peer.port", port);
        to.text("network.type", if address.is_ipv4() { "ipv4" } else { "ipv6" });
    }
}

fn transport(to: &mut Attributes, protocol: Protocol) {
    match protocol {
        Protocol::Tcp | Protocol::Udp => to.text("network.transport", protocol.as_str()),
        // The conventions have no word for them.
        Protocol::Icmp | Protocol::Raw => to.text("agentsh.network.protocol", protocol.as_str()),
    }
}

fn http_request(p: &HttpRequest, to: &mut Attributes) {
    to.text("http.request.method", p.method.as_str());
    to.text("url.scheme", p.scheme.as_str());
    to.text("url.path", p.path.as_str());
    to.maybe_text("url.query", p.query.as_deref());
    to.text("server.address", p.host.as_str());
    to.number("server.port", p.port);
    to.text("network.protocol.name", "http");
    to.maybe_text("network.protocol.version", p.version.strip_prefix("HTTP/"));
    to.maybe_count("http.request.body.size", p.body_size);
    headers(to, "http.request.header.", &p.headers);
    to.maybe_text("agentsh.connection.id", p.connection.map(|id| id.to_string()));
}

fn http_response(p: &HttpResponse, to: &mut Attributes) {
    to.maybe_number("http.response.status_code", p.status);
    to.text("network.protocol.name", "http");
    to.maybe_text("network.protocol.version", p.version.as_deref().and_then(|version| version.strip_prefix("HTTP/")));
    to.count("http.request.body.size", p.request_bytes);
    to.count("http.response.body.size", p.response_bytes);
    headers(to, "http.response.header.", &p.headers);
    to.count("agentsh.duration_us", p.duration_us);
    to.maybe_count("agentsh.http.first_byte_us", p.first_byte_us);
    to.maybe_text("agentsh.connection.id", p.connection.map(|id| id.to_string()));
    // For a client, 4xx and 5xx are errors, and the code is the type (HTTP conventions, `error.type`).
    let status = p.status.filter(|status| *status >= 400).map(|status| status.to_string());
    to.maybe_text("error.type", p.error.clone().or(status));
}

/// Header fields: one attribute for each name, with all its values.
fn headers(to: &mut Attributes, prefix: &str, headers: &[Header]) {
    for (at, header) in headers.iter().enumerate() {
        if headers.iter().take(at).any(|before| before.name == header.name) {
            continue;
        }
        let values = headers.iter().filter(|other| other.name == header.name).map(|other| other.value.as_str());
        to.list(format!("{prefix}{}", header.name), values);
    }
}

fn tls_handshake(p: &TlsHandshake, to: &mut Attributes) {
    to.maybe_text("server.address", p.sni.as_deref().or(p.host.as_deref()));
    to.number("server.port", p.port);
    to.text("tls.protocol.name", "tls");
    to.maybe_text("tls.protocol.version", p.version.as_deref().map(|version| version.trim_start_matches("TLSv")));
    to.list("agentsh.tls.alpn", p.alpn.iter().map(String::as_str));
    to.maybe_text("agentsh.tls.ja4", p.ja4.as_deref());
    to.flag("agentsh.tls.sni_mismatch", p.sni_mismatch);
    to.maybe_text("agentsh.connection.id", p.connection.map(|id| id.to_string()));
}

fn process_exec(p: &ProcessExec, to: &mut Attributes) {
    to.path("process.executable.path", &p.path);
    to.text("process.executable.name", base_name(&p.path));
    to.paths("process.command_args", &p.argv);
    to.count("process.args_count", p.argc);
    to.paths("agentsh.process.interpreters", &p.interpreters);
    to.maybe_path("agentsh.process.parent.executable.path", p.parent_exe.as_ref());
    to.number("agentsh.process.depth", p.depth);
    to.maybe_text("process.command_line", p.command_line.as_deref());
    to.maybe_text("agentsh.process.parent.command_line", p.parent_command_line.as_deref());
    to.maybe_text("agentsh.process.parent.user", p.parent_user.as_deref());
    to.maybe_text("agentsh.process.parent.guid", p.parent_guid.as_deref());
    to.maybe_number("agentsh.process.terminal_session", p.terminal_session);
    to.maybe_text("agentsh.process.integrity_level", p.integrity_level.as_deref());
    to.maybe_text("agentsh.image.original_file_name", p.original_file_name.as_deref());
    to.maybe_text("agentsh.image.product", p.product.as_deref());
    to.maybe_text("agentsh.image.company", p.company.as_deref());
    to.maybe_text("agentsh.image.description", p.description.as_deref());
    to.maybe_text("agentsh.image.version", p.file_version.as_deref());
    to.list("agentsh.image.hashes", p.hashes.iter().map(String::as_str));
    to.maybe_text("agentsh.image.signature", p.signature.as_deref());
}

fn process_exit(p: &ProcessExit, to: &mut Attributes) {
    to.maybe_path("process.executable.path", p.path.as_ref());
    to.maybe_text("process.executable.name", p.path.as_ref().map(base_name));
    to.maybe_number("process.exit.code", p.exit_code);
    to.maybe_text("agentsh.signal.name", p.signal.as_deref());
    statistics(&p.statistics, to);
}

fn command_started(p: &CommandStarted, to: &mut Attributes) {
    to.paths("process.command_args", &p.argv);
    to.path("process.working_directory", &p.cwd);
    to.flag("process.interactive", p.tty);
}

fn command_finished(p: &CommandFinished, to: &mut Attributes) {
    to.number("process.exit.code", p.exit_code);
    to.path("process.executable.name", &p.program);
    to.maybe_text("agentsh.signal.name", p.signal.as_deref());
    to.maybe_text("error.type", p.error.as_deref());
    to.count("agentsh.command.processes", p.processes);
    statistics(&p.statistics, to);
}

fn statistics(s: &ExecStatistics, to: &mut Attributes) {
    to.maybe_count("agentsh.usage.wall_us", s.wall_time_us);
    to.maybe_count("agentsh.usage.user_cpu_us", s.user_cpu_us);
    to.maybe_count("agentsh.usage.system_cpu_us", s.system_cpu_us);
    to.maybe_count("agentsh.usage.peak_memory_bytes", s.peak_memory_bytes);
    to.maybe_count("agentsh.usage.read_bytes", s.read_bytes);
    to.maybe_count("agentsh.usage.written_bytes", s.written_bytes);
}

fn session_created(p: &SessionCreated, to: &mut Attributes) {
    to.text("host.name", p.hostname.as_str());
    to.text("os.description", p.os.as_str());
    to.text("user.id", p.uid.to_string());
    to.path("agentsh.workspace", &p.workspace);
    to.text("agentsh.policy.name", p.policy.as_str());
    to.text("agentsh.policy.digest", p.policy_digest.as_str());
    to.list("agentsh.session.labels", p.labels.iter().map(String::as_str));
}

fn detection(p: &Detection, to: &mut Attributes) {
    to.text("security_rule.uuid", p.rule_id.as_str());
    to.text("security_rule.name", p.title.as_str());
    to.text("agentsh.detection.level", p.level.as_str());
    to.list("agentsh.attack.techniques", p.techniques.iter().map(|technique| technique.as_str()));
    to.list("agentsh.attack.tactics", p.tactics.iter().map(String::as_str));
    to.maybe_text("agentsh.attack.version", p.attack_version.as_deref());
}

fn unix_socket(to: &mut Attributes, address: &OsText, namespace: SocketNamespace) {
    to.path("network.peer.address", address);
    to.text("network.transport", "unix");
    to.text("agentsh.socket.namespace", namespace.as_str());
}

fn pipe(to: &mut Attributes, name: &OsText) {
    to.path("network.peer.address", name);
    to.text("network.transport", "pipe");
}

fn registry_value(to: &mut Attributes, key: &str, value_name: &str) {
    to.text("agentsh.registry.key", key);
    to.text("agentsh.registry.value.name", value_name);
}

/// The last part of a path.
pub(super) fn base_name(path: &OsText) -> String {
    let name = path.as_path().file_name().map_or_else(|| path.clone(), OsText::from);
    name.as_text().into_owned()
}
