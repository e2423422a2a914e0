//! Plays a registry sensor of another machine: reads operations, one a line, and asks the server about each.
//!
//! ```text
//! agentsh keys create edge-7 --role sensor        # prints the key
//! agentsh server --grpc 127.0.0.1:9090
//! printf 'set \\REGISTRY\\MACHINE\\SOFTWARE\\X\tColour\tred\n' |
//!     SENSOR_KEY=… cargo run --example registry_sensor -- 127.0.0.1:9090 --fail closed --deadline-ms 500
//! ```
//! A line is a word (`create`, `open`, `query`, `set`, `delete-value`, `delete`, `rename`), a blank and the key, then, after tabs, the
//! value's name and its data, or the new key.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    missing_docs,
    clippy::missing_errors_doc,
    unreachable_pub,
    reason = "a program of its own, for people to read"
)]

pub mod sensor;

use std::error::Error;
use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::time::Duration;

use agentsh::encode::proto::{self, Event, Kind, event::Payload};
use sensor::{FailMode, Options, Sensor};

fn main() -> ExitCode {
    let Some(options) = options(std::env::args().skip(1), std::env::var("SENSOR_KEY").ok()) else {
        eprintln!("usage: SENSOR_KEY=KEY registry_sensor HOST:PORT [--fail open|closed] [--deadline-ms N]");
        return ExitCode::from(2);
    };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return ExitCode::FAILURE };
    match runtime.block_on(play(options, std::io::stdin().lock(), &mut std::io::stdout())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the command line says; nothing if it is not what it must be.
pub fn options(mut arguments: impl Iterator<Item = String>, key: Option<String>) -> Option<Options> {
    let mut options = Options { address: arguments.next()?, key: key?, deadline: Duration::from_secs(1), fail: FailMode::Closed };
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), arguments.next()?.as_str()) {
            ("--fail", "open") => options.fail = FailMode::Open,
            ("--fail", "closed") => options.fail = FailMode::Closed,
            ("--deadline-ms", number) => options.deadline = Duration::from_millis(number.parse().ok()?),
            _ => return None,
        }
    }
    Some(options)
}

/// Asks about each line and writes what may be done; what was decided is in the journal when it is over.
pub async fn play(options: Options, lines: impl BufRead, answers: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let mut sensor = Sensor::new(options);
    for line in lines.lines() {
        let line = line?;
        match operation(&line) {
            Some(operation) => {
                let answer = sensor.decide(operation).await;
                let word = if answer.allow { "allow" } else { "deny" };
                writeln!(answers, "{word}\t{:?}\t{}\t{}", answer.from, answer.attack.join(","), answer.reason)?;
            }
            None => eprintln!("not an operation: {line}"),
        }
    }
    sensor.flush().await.map_err(|status| format!("not everything is in the journal: {}", status.message()).into())
}

/// Reads a line.
fn operation(line: &str) -> Option<Event> {
    let (word, rest) = line.split_once(' ')?;
    let mut fields = rest.split('\t').map(str::to_owned);
    let key = fields.next()?;
    let value_name = fields.next().unwrap_or_default();
    let (kind, payload) = match word {
        "create" => (Kind::RegistryCreateKey, Payload::RegistryCreateKey(proto::RegistryCreateKey { key })),
        "open" => (Kind::RegistryOpenKey, Payload::RegistryOpenKey(proto::RegistryOpenKey { key, access: 0x2_0019 })),
        "query" => (Kind::RegistryQueryValue, Payload::RegistryQueryValue(proto::RegistryQueryValue { key, value_name })),
        "set" => {
            let value_type = proto::RegistryValueType::Sz.into();
            let set = proto::RegistrySetValue { key, value_name, value_type, data: fields.next(), ..Default::default() };
            (Kind::RegistrySetValue, Payload::RegistrySetValue(set))
        }
        "delete-value" => {
            (Kind::RegistryDeleteValue, Payload::RegistryDeleteValue(proto::RegistryDeleteValue { key, value_name }))
        }
        "delete" => (Kind::RegistryDeleteKey, Payload::RegistryDeleteKey(proto::RegistryDeleteKey { key })),
        "rename" => (Kind::RegistryRenameKey, Payload::RegistryRenameKey(proto::RegistryRenameKey { key, new_key: value_name })),
        _ => return None,
    };
    Some(Event { kind: kind.into(), payload: Some(payload), ..Event::default() })
}
