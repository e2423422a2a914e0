//! Who speaks: the resource and the instrumentation scope.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::attributes::text;

/// The version of the semantic conventions that the names are of.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.37.0";

/// The recorder on its host. `more` adds to the attributes and replaces those of the same name.
#[must_use]
pub fn resource(host: &str, more: &BTreeMap<String, String>) -> Resource {
    let mut all: BTreeMap<&str, &str> = BTreeMap::from([
        ("host.name", host),
        ("os.type", "linux"),
        ("service.name", "agentsh"),
        ("service.version", env!("CARGO_PKG_VERSION")),
    ]);
    all.extend(more.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    all.retain(|_, value| !value.is_empty());
    let attributes = all.into_iter().map(|(name, value)| text(name, value)).collect();
    Resource { attributes, dropped_attributes_count: 0, entity_refs: Vec::new() }
}

/// What made the telemetry.
#[must_use]
pub fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "agentsh".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        attributes: Vec::new(),
        dropped_attributes_count: 0,
    }
}
