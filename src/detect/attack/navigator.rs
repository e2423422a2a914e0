//! A layer for MITRE's ATT&CK Navigator, format 4.5.

use serde_json::{Value, json};

use super::table::VERSION;

/// The version of the layer format, and of the Navigator that introduced it.
const LAYER: &str = "4.5";
const NAVIGATOR: &str = "5.1.0";

/// One technique of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerTechnique {
    /// Its id.
    pub id: String,
    /// Rules that name it.
    pub rules: u64,
    /// Detections in the journal that name it.
    pub seen: u64,
}

/// The layer of what rules cover and the journal has seen. The score is 1 for covered and 2 for seen.
#[must_use]
pub fn layer(name: &str, description: &str, techniques: &[LayerTechnique]) -> Value {
    let techniques: Vec<Value> = techniques
        .iter()
        .filter(|technique| technique.rules > 0 || technique.seen > 0)
        .map(|technique| {
            let (rules, seen) = (technique.rules, technique.seen);
            json!({
                "techniqueID": technique.id,
                "score": if seen > 0 { 2 } else { 1 },
                "comment": format!("rules: {rules}, detections: {seen}"),
                "enabled": true,
                "metadata": [
                    {"name": "rules", "value": rules.to_string()},
                    {"name": "detections", "value": seen.to_string()}
                ]
            })
        })
        .collect();
    json!({
        "name": name,
        "versions": {"attack": VERSION, "navigator": NAVIGATOR, "layer": LAYER},
        "domain": "enterprise-attack",
        "description": description,
        "sorting": 3,
        // Without this a sub-technique whose technique nobody names is folded away.
        "layout": {"layout": "side", "showName": true, "showID": true, "expandedSubtechniques": "annotated"},
        "hideDisabled": false,
        "techniques": techniques,
        "gradient": {"colors": ["#ffffff", "#8ec8f6", "#f07a5a"], "minValue": 0, "maxValue": 2},
        "legendItems": [
            {"label": "covered by a rule", "color": "#8ec8f6"},
            {"label": "seen in the journal", "color": "#f07a5a"}
        ],
        "showTacticRowBackground": false,
        "selectTechniquesAcrossTactics": true,
        "selectSubtechniquesWithParent": false
    })
}
