//! What policy takes for a registry operation: one form for all spellings, the rules, the table of high-risk paths. One thread, no channel.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use agentsh::event::{
    Event, Payload, RegistryCreateKey, RegistryDeleteValue, RegistryQueryValue, RegistryRenameKey, RegistrySetValue,
    RegistryValueType,
};
use agentsh::policy::{Policy, Variables};

use crate::{load, median};

const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_millis(100);
/// Operations of a case, on keys that all differ.
const KEYS: usize = 256;

/// What makes the operation of a number.
type Make = fn(usize) -> Payload;

const CASES: [(&str, Make); 7] = [
    ("a value of a program's own is set", own),
    (r"the same as the kernel spells it (`\REGISTRY\MACHINE\…\WOW6432Node\…`)", nt),
    ("a Run value is set", run),
    (r"a service's value is set (`ControlSet001`)", service),
    ("a class is made (`HKCR`, two places)", class),
    ("a key is renamed", rename),
    ("a value is read or removed", read),
];

pub fn run_section(_folder: &Path) -> String {
    let windows = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/policies/windows.yaml")).unwrap();
    let policies = [("no rule", "version: 1\nname: none\n".to_owned()), ("`windows.yaml`", windows), ("200 rules", many())];
    let policies = policies.map(|(name, text)| (name, Policy::parse_and_compile(name, &text, &Variables::new()).unwrap()));
    let mut text = format!(
        "Nanoseconds of `Policy::decide` for one operation, one thread, {KEYS} different keys of each case in turn, median of {ROUNDS} rounds. \
         `windows.yaml` is the example, with {} registry rules; of the 200 rules none is about these keys.\n\n| operation |",
        policies[1].1.rule_counts().registry
    );
    policies.iter().for_each(|(name, _)| text += &format!(" {name} |"));
    text += &format!("\n|---|{}\n", "---|".repeat(policies.len()));
    for (what, make) in CASES {
        let events: Vec<Event> = (0..KEYS).map(|number| load::event(make(number), None)).collect();
        text += &format!("| {what} |");
        policies.iter().for_each(|(_, policy)| text += &format!(" {:.0} |", nanoseconds(policy, &events)));
        text += "\n";
    }
    text
}

fn nanoseconds(policy: &Policy, events: &[Event]) -> f64 {
    let round = |_| {
        let (began, mut decided) = (Instant::now(), 0);
        while began.elapsed() < ROUND {
            for event in events {
                black_box(policy.decide(black_box(event)));
            }
            decided += events.len();
        }
        began.elapsed().as_nanos() as f64 / decided as f64
    };
    median(&(0..ROUNDS).map(round).collect::<Vec<_>>())
}

fn many() -> String {
    let mut text = "version: 1\nname: many\nregistry_rules:\n".to_owned();
    for number in 0..200_usize {
        let hive = if number.is_multiple_of(2) { "HKLM" } else { "HKCU" };
        text += &format!(
            "  - {{name: r{number}, paths: ['{hive}\\SOFTWARE\\Maker{number}\\*', '{hive}\\SOFTWARE\\Maker{number}\\**\\Update'], \
             operations: [write, create], decision: deny}}\n"
        );
    }
    text
}

fn set(key: String, name: String) -> Payload {
    RegistrySetValue {
        key,
        value_name: name,
        value_type: RegistryValueType::String,
        data: Some("value".to_owned()),
        ..RegistrySetValue::default()
    }
    .into()
}

fn own(number: usize) -> Payload {
    set(format!(r"HKU\S-1-5-21-1-2-3-1001\SOFTWARE\Vendor\Product\Settings\{number}"), format!("Value{number}"))
}

fn nt(number: usize) -> Payload {
    set(format!(r"\REGISTRY\MACHINE\SOFTWARE\WOW6432Node\Vendor\Product\Settings\{number}"), format!("Value{number}"))
}

fn run(number: usize) -> Payload {
    set(r"HKU\S-1-5-21-1-2-3-1001\Software\Microsoft\Windows\CurrentVersion\Run".to_owned(), format!("Updater{number}"))
}

fn service(number: usize) -> Payload {
    set(format!(r"\REGISTRY\MACHINE\SYSTEM\ControlSet001\Services\svc{number}"), "ImagePath".to_owned())
}

fn class(number: usize) -> Payload {
    RegistryCreateKey { key: format!(r"HKCR\Vendor.Document.{number}\shell\print") }.into()
}

fn rename(number: usize) -> Payload {
    let key = |name: &str| format!(r"HKU\S-1-5-21-1-2-3-1001\SOFTWARE\Vendor\{name}{number}");
    RegistryRenameKey { key: key("Old"), new_key: key("New") }.into()
}

fn read(number: usize) -> Payload {
    if number.is_multiple_of(2) {
        RegistryQueryValue { key: format!(r"HKLM\SOFTWARE\Vendor\{number}"), value_name: "Path".to_owned() }.into()
    } else {
        RegistryDeleteValue { key: format!(r"HKLM\SOFTWARE\Vendor\{number}"), value_name: "Path".to_owned() }.into()
    }
}
