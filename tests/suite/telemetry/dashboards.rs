//! The Grafana dashboards: whole, explained, and asking for nothing that is not in the table of metrics.

use std::collections::BTreeSet;
use std::path::Path;

use agentsh::runtime::metrics::TABLE;
use regex::Regex;
use serde_json::{Value, json};

/// One query of a panel.
#[derive(Debug)]
pub struct Query {
    pub dashboard: String,
    pub panel: String,
    pub expr: String,
}

/// Every dashboard, by its file name.
pub fn dashboards() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/grafana");
    let mut dashboards: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap())
        })
        .collect();
    dashboards.sort_by(|(one, _), (other, _)| one.cmp(other));
    dashboards
}

fn panels(dashboard: &Value) -> Vec<&Value> {
    let top = dashboard["panels"].as_array().unwrap();
    top.iter().flat_map(|panel| std::iter::once(panel).chain(panel["panels"].as_array().into_iter().flatten())).collect()
}

pub fn queries(name: &str, dashboard: &Value) -> Vec<Query> {
    let of_panel = |panel: &Value| {
        let title = panel["title"].as_str().unwrap_or_default().to_owned();
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        targets.into_iter().map(move |target| (title.clone(), target["expr"].as_str().unwrap_or_default().to_owned()))
    };
    panels(dashboard)
        .into_iter()
        .flat_map(of_panel)
        .map(|(panel, expr)| Query { dashboard: name.to_owned(), panel, expr })
        .collect()
}

/// Names in a query that the table does not have: metrics, and labels that none of its metrics has.
fn unknown(expr: &str) -> Vec<String> {
    let mut unknown = Vec::new();
    let mut labels = BTreeSet::from(["le", "instance", "job"]);
    for name in Regex::new(r"\bagentsh_[a-zA-Z0-9_]+").unwrap().find_iter(expr) {
        let name = name.as_str();
        let metric = TABLE.iter().find(|metric| {
            let suffix = name.strip_prefix(metric.name);
            suffix == Some("") && metric.metric_type != "histogram"
                || metric.metric_type == "histogram" && matches!(suffix, Some("_bucket" | "_sum" | "_count"))
        });
        match metric {
            Some(metric) => labels.extend(metric.labels),
            None => unknown.push(name.to_owned()),
        }
    }
    let lists = Regex::new(r"\b(?:by|on|without|ignoring|group_left|group_right) ?\(([^)]*)\)").unwrap();
    let matchers = Regex::new(r#"([a-zA-Z_]\w*) ?(?:=~|!~|!=|=) ?""#).unwrap();
    let listed = lists.captures_iter(expr).flat_map(|list| {
        list[1].split(',').map(|label| label.trim().to_owned()).filter(|label| !label.is_empty()).collect::<Vec<_>>()
    });
    let matched = matchers.captures_iter(expr).map(|matcher| matcher[1].to_owned());
    unknown.extend(listed.chain(matched).filter(|label| !labels.contains(label.as_str())));
    unknown
}

#[test]
fn every_metric_and_label_that_a_dashboard_names_is_in_the_table() {
    for (name, dashboard) in dashboards() {
        for query in queries(&name, &dashboard) {
            assert_eq!(unknown(&query.expr), Vec::<String>::new(), "{query:?}");
        }
    }
    assert_eq!(unknown("rate(agentsh_events_total[1m])"), Vec::<String>::new());
    assert_eq!(unknown("rate(agentsh_events_totals[1m])"), ["agentsh_events_totals"]);
    assert_eq!(unknown("agentsh_commit_events"), ["agentsh_commit_events"], "a histogram has no samples of its own name");
    assert_eq!(unknown("agentsh_commit_events_count"), Vec::<String>::new());
    assert_eq!(unknown("agentsh_events_total_count"), ["agentsh_events_total_count"]);
    assert_eq!(unknown("sum by (host, kind) (agentsh_events_total)"), ["host"]);
    assert_eq!(unknown(r#"agentsh_events_total{rule="x", kind=~"y"}"#), ["rule"]);
}

/// What is wrong with a dashboard.
fn flaws(dashboard: &Value) -> Vec<String> {
    let mut flaws = Vec::new();
    let mut check = |right: bool, flaw: &str| {
        if !right {
            flaws.push(flaw.to_owned());
        }
    };
    check(dashboard["schemaVersion"].as_u64().is_some_and(|version| version >= 39), "schemaVersion");
    check(dashboard["id"].is_null() && dashboard["uid"].is_string(), "uid");
    check(dashboard["title"].as_str().is_some_and(|title| title.starts_with("agentsh: ")), "title");
    check(dashboard["description"].is_string() && dashboard["tags"][0] == "agentsh", "description and tags");
    let variables = dashboard["templating"]["list"].as_array().cloned().unwrap_or_default();
    let has = |name: &str, kind: &str| variables.iter().any(|variable| variable["name"] == name && variable["type"] == kind);
    check(has("datasource", "datasource") && has("instance", "query"), "variables");
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in panels(dashboard) {
        let title = panel["title"].as_str().unwrap_or_default();
        check(!title.is_empty() && ids.insert(panel["id"].as_u64()), &format!("id or title of {title}"));
        let place = |key: &str| panel["gridPos"][key].as_u64().unwrap_or(99);
        let cells =
            (place("y")..place("y") + place("h")).flat_map(|y| (place("x")..place("x") + place("w")).map(move |x| (x, y)));
        let wrong = cells.filter(|cell| !taken.insert(*cell) || cell.0 >= 24).count();
        check(wrong == 0, &format!("place of {title}"));
        if panel["type"] == "row" {
            continue;
        }
        check(panel["description"].as_str().is_some_and(|text| text.ends_with('.')), &format!("description of {title}"));
        check(panel["fieldConfig"]["defaults"]["unit"].is_string(), &format!("unit of {title}"));
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        check(!targets.is_empty(), &format!("queries of {title}"));
        for target in targets {
            check(target["datasource"]["uid"] == "${datasource}", &format!("data source of {title}"));
            check(target["expr"].as_str().is_some_and(|expr| expr.contains("$instance")), &format!("server of {title}"));
        }
    }
    flaws
}

#[test]
fn every_dashboard_is_whole_and_says_what_its_panels_show() {
    let dashboards = dashboards();
    let names: Vec<&str> = dashboards.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["decisions.json", "detections.json", "pipeline.json", "sessions.json"]);
    let mut uids = BTreeSet::new();
    for (name, dashboard) in &dashboards {
        assert_eq!(flaws(dashboard), Vec::<String>::new(), "{name}");
        assert!(uids.insert(dashboard["uid"].as_str().unwrap()), "{name}");
    }
    let good = &dashboards[0].1;
    let spoiled = |pointer: &str, value: Value| {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        flaws(&bad)
    };
    assert_eq!(spoiled("/schemaVersion", json!(16)), ["schemaVersion"]);
    assert_eq!(spoiled("/templating/list", json!([])), ["variables"]);
    assert_eq!(spoiled("/panels/1/description", json!("")), ["description of Allowed"]);
    assert_eq!(spoiled("/panels/1/targets/0/datasource/uid", json!("mine")), ["data source of Allowed"]);
    assert_eq!(spoiled("/panels/2/gridPos/x", json!(0)), ["place of Flagged"]);
    assert_eq!(spoiled("/panels/2/id", json!(1)), ["id or title of Flagged"]);
}
