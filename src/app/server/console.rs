//! The web console and the views that it asks, put together.

use std::collections::BTreeMap;

use crate::app::detect::{DetectConfig, Engine as _, engine};
use crate::config::Config;
use crate::journal::DataDir;
use crate::serve::http::HttpState;
use crate::serve::http::console::console_routes;
use crate::serve::http::views::{Views, view_routes};

/// The service with the console and its views.
pub(super) fn with_console(state: HttpState, config: &Config, data_dir: &DataDir) -> HttpState {
    let (detect, dir) = (config.detect.clone(), data_dir.clone());
    let views = Views::new(data_dir.clone(), move || rules(&detect, &dir));
    state.with_routes(console_routes()).with_routes(view_routes(views))
}

/// How many of the rules that some event of ours reaches name each technique; none where they cannot be read, which the detector says.
fn rules(config: &DetectConfig, data_dir: &DataDir) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let Ok(engine) = engine(config, data_dir) else { return counts };
    for technique in engine.rules().iter().filter(|rule| rule.fed).flat_map(|rule| &rule.techniques) {
        *counts.entry(technique.as_str().to_owned()).or_default() += 1;
    }
    counts
}
