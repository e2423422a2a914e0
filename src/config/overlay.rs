//! Environment variables on top of the file: `AGENTSH_SECTION__KEY` sets `section.key`.

use std::sync::Arc;

use super::document::{Key, Node, Value};
use super::environment::Environment;
use super::error::{Origin, Problem};

/// Variables that start with `AGENTSH_` and are no keys of the configuration: the file's own name, what is logged, and how
/// `session` and `exec` reach a server.
const NOT_KEYS: &[&str] = &["AGENTSH_CONFIG", "AGENTSH_LOG", "AGENTSH_TRANSPORT", "AGENTSH_API_KEY"];

/// Sets each variable's key in the tree, in the order of the variables' names.
pub(super) fn apply(root: &mut Node, environment: &Environment) -> Result<(), (Problem, Origin)> {
    for (name, value) in environment.own().filter(|(name, _)| !NOT_KEYS.contains(name)) {
        let origin = Origin::Variable(Arc::from(name));
        let Some(text) = value.to_str() else { return Err((Problem::NotText, origin)) };
        let path = name.trim_start_matches("AGENTSH_").to_lowercase();
        let keys: Vec<&str> = path.split("__").collect();
        set(root, &keys, Node { value: Value::Variable(text.to_owned()), origin: Some(origin.clone()) })
            .map_err(|key| (Problem::NotASection { key }, origin))?;
    }
    Ok(())
}

/// Sets the value at a path, making the sections on the way. `Err` names the key on the way that is no section.
fn set(root: &mut Node, keys: &[&str], value: Node) -> Result<(), String> {
    let mut node = root;
    let mut path = String::new();
    for key in keys {
        if matches!(node.value, Value::Null) {
            node.value = Value::Section(Vec::new());
        }
        let Value::Section(entries) = &mut node.value else { return Err(path) };
        let place = entries.iter().position(|(known, _)| known.name == *key).unwrap_or_else(|| {
            let key = Key { name: (*key).to_owned(), origin: value.origin.clone() };
            entries.push((key, Node { value: Value::Null, origin: value.origin.clone() }));
            entries.len() - 1
        });
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(key);
        let Some((_, next)) = entries.get_mut(place) else { return Err(path) };
        node = next;
    }
    *node = value;
    Ok(())
}
