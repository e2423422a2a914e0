//! Names are those of the semantic conventions 1.37.0, or begin with `agentsh.`.

use std::collections::BTreeSet;

/// What the conventions' registry has, as far as it is used here; a name that ends with `.` takes a key of the application's behind it.
/// <https://opentelemetry.io/docs/specs/semconv/registry/attributes/>
const REGISTRY: &[&str] = &[
    "disk.io.direction",
    "dns.answers",
    "client.address",
    "client.port",
    "dns.question.name",
    "error.type",
    "file.group.id",
    "file.mode",
    "file.owner.id",
    "file.path",
    "file.size",
    "file.symbolic_link.target_path",
    "host.name",
    "http.request.body.size",
    "http.request.header.",
    "http.request.method",
    "http.response.body.size",
    "http.response.header.",
    "http.response.status_code",
    "log.record.uid",
    "network.connection.direction",
    "network.io.direction",
    "network.peer.address",
    "network.peer.port",
    "network.protocol.name",
    "network.protocol.version",
    "network.transport",
    "network.type",
    "os.description",
    "os.type",
    "otel.metric.overflow",
    "process.args_count",
    "process.command_args",
    "process.command_line",
    "process.executable.name",
    "process.executable.path",
    "process.exit.code",
    "process.interactive",
    "process.parent_pid",
    "process.pid",
    "process.working_directory",
    "security_rule.name",
    "security_rule.uuid",
    "server.address",
    "server.port",
    "service.name",
    "service.version",
    "tls.protocol.name",
    "tls.protocol.version",
    "url.path",
    "url.query",
    "url.scheme",
    "user.id",
    "user.name",
];

fn known(name: &str) -> bool {
    name.starts_with("agentsh.")
        || REGISTRY.iter().any(|known| match known.ends_with('.') {
            true => name.len() > known.len() && name.starts_with(known),
            false => *known == name,
        })
}

/// Names that are neither the registry's nor ours.
fn strangers(names: impl IntoIterator<Item = String>) -> Vec<String> {
    names.into_iter().filter(|name| !known(name)).collect()
}

fn used() -> BTreeSet<String> {
    super::golden::records().into_iter().flat_map(|record| record.attributes).map(|attribute| attribute.key).collect()
}

#[test]
fn every_attribute_has_a_name_of_the_conventions_or_begins_with_ours() {
    assert_eq!(strangers(used()), Vec::<String>::new());
}

#[test]
fn a_name_that_only_looks_like_one_of_the_conventions_is_refused() {
    let wrong = ["file.pth", "http.method", "net.peer.ip", "process.exit_code", "http.request.header.", "agentshseq"];
    assert_eq!(strangers(wrong.map(str::to_owned)), wrong);
    assert_eq!(strangers(["http.request.header.accept".to_owned()]), Vec::<String>::new());
}

#[test]
fn the_names_that_queries_rely_on_are_used() {
    let used = used();
    for name in [
        "file.path",
        "process.executable.path",
        "process.command_args",
        "process.working_directory",
        "process.exit.code",
        "dns.question.name",
        "dns.answers",
        "http.request.method",
        "http.response.status_code",
        "url.scheme",
        "url.path",
        "url.query",
        "server.address",
        "server.port",
        "network.peer.address",
        "network.transport",
        "user.id",
        "host.name",
        "error.type",
        "log.record.uid",
        "agentsh.decision",
        "agentsh.rule",
    ] {
        assert!(used.contains(name), "{name}");
    }
}

#[test]
fn the_resource_says_who_speaks_and_can_be_renamed() {
    let more = std::collections::BTreeMap::from([
        ("service.name".to_owned(), "agents-eu".to_owned()),
        ("deployment.environment.name".to_owned(), "test".to_owned()),
    ]);
    let plain = agentsh::encode::otel::resource("box", &std::collections::BTreeMap::new());
    let changed = agentsh::encode::otel::resource("box", &more);
    let of = |resource: &opentelemetry_proto::tonic::resource::v1::Resource, name: &str| {
        super::rig::attribute(&resource.attributes, name)
    };
    assert_eq!(of(&plain, "service.name").as_deref(), Some("agentsh"));
    assert_eq!(of(&plain, "host.name").as_deref(), Some("box"));
    assert_eq!(of(&changed, "service.name").as_deref(), Some("agents-eu"));
    assert_eq!(of(&changed, "deployment.environment.name").as_deref(), Some("test"));
    assert_eq!(strangers(plain.attributes.into_iter().map(|attribute| attribute.key)), Vec::<String>::new());
}
