//! `agentsh keys`: who may use the server.

use std::io::Write as _;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::{Exit, Output, printable};
use crate::app::keys::{self, KeyEntry, KeyFile, NewKey, Role};
use crate::runtime::clock;
use crate::runtime::units::{Age, Millis};

const DAY_US: i64 = 86_400_000_000;

/// `agentsh keys …`.
#[derive(Clone, Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key and print it: it is shown once and kept nowhere. Once there is one, the server asks everybody for a key
    Create(CreateArgs),
    /// The keys there are, without the keys themselves
    List(ListArgs),
    /// Refuse a key from now on; a running server knows within a second
    Revoke(RevokeArgs),
}

/// `agentsh keys create`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  agentsh keys create --name alice --role operator\n  \
    agentsh keys create --name edge-7 --role sensor --expires 90d\n  \
    agentsh keys create --name edge-8 --role sensor --certificate edge-8.corp.example")]
pub struct CreateArgs {
    /// Who it is for; a sensor's events carry this name
    #[arg(long)]
    pub name: String,
    /// What it may do: admin, auditor, operator, approver, sensor; may be given several times
    #[arg(long = "role", required = true, value_name = "ROLE")]
    pub roles: Vec<Role>,
    /// How long it is good: 30d, 12h, 90m [default: until it is revoked]
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    pub expires: Option<i64>,
    /// Make no key: whoever shows a client certificate for this DNS name or URI is NAME
    #[arg(long, value_name = "SUBJECT")]
    pub certificate: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `agentsh keys list`.
#[derive(Clone, Copy, Debug, Args)]
pub struct ListArgs {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `agentsh keys revoke`.
#[derive(Clone, Debug, Args)]
pub struct RevokeArgs {
    /// The name (all its keys) or the id of a key
    #[arg(value_name = "NAME|ID")]
    pub name: String,
}

/// Runs a subcommand of `agentsh keys`.
///
/// # Errors
/// When the file of keys cannot be read or written, or the request makes no sense.
pub fn run(command: &KeysCommand, file: &KeyFile, out: &mut Output<'_>) -> anyhow::Result<Exit> {
    match command {
        KeysCommand::Create(args) => create(args, file, out)?,
        KeysCommand::List(args) => list(*args, file, out)?,
        KeysCommand::Revoke(args) => {
            let gone = file.revoke(&args.name)?;
            for entry in &gone {
                writeln!(out, "revoked {} ({})", entry.name, entry.id)?;
            }
            if keys::list(file)?.is_empty() {
                out.note("no key is left: the server lets nobody in until there is one")?;
            }
        }
    }
    Ok(Exit::Done)
}

fn create(args: &CreateArgs, file: &KeyFile, out: &mut Output<'_>) -> anyhow::Result<()> {
    let new = NewKey {
        name: args.name.clone(),
        roles: args.roles.clone(),
        lifetime_us: args.expires,
        certificate: args.certificate.clone(),
    };
    let (entry, key) = keys::create(file, &new)?;
    if args.json {
        let mut shown = shown(&entry);
        if let (Some(key), Value::Object(fields)) = (&key, &mut shown) {
            fields.insert("key".to_owned(), key.reveal().into());
        }
        writeln!(out, "{shown:#}")?;
        return Ok(());
    }
    match key {
        Some(key) => {
            writeln!(out, "{}", key.reveal())?;
            out.note("it is shown this once; send it as `x-api-key`")?;
        }
        None => writeln!(out, "{}", entry.id)?,
    }
    Ok(())
}

fn list(args: ListArgs, file: &KeyFile, out: &mut Output<'_>) -> anyhow::Result<()> {
    let entries = keys::list(file)?;
    if args.json {
        let keys: Vec<Value> = entries.iter().map(shown).collect();
        writeln!(out, "{:#}", json!({"file": file.path().display().to_string(), "keys": keys}))?;
        return Ok(());
    }
    if entries.is_empty() {
        out.note("there are no keys; `agentsh keys create --name NAME --role ROLE` makes one")?;
        return Ok(());
    }
    let now = clock::now();
    let width = entries.iter().map(|entry| entry.name.len()).max().unwrap_or(0).max(4);
    writeln!(out, "{:<8}  {:<width$}  {:<22}  {:<10}  end", "id", "name", "roles", "made")?;
    for entry in &entries {
        let made = Age::between(entry.created_us, now.as_micros()).to_string();
        let end = match entry.expires_us {
            None => "never".to_owned(),
            Some(_) if entry.has_expired(now) => "expired".to_owned(),
            Some(end) => format!("in {}", Age::between(now.as_micros(), end)),
        };
        let certificate = entry.certificate.as_deref().map(|name| format!("  certificate {}", printable(name)));
        let (name, roles) = (printable(&entry.name), entry.roles().to_string());
        writeln!(out, "{:<8}  {name:<width$}  {roles:<22}  {made:<10}  {end}{}", entry.id, certificate.unwrap_or_default())?;
    }
    Ok(())
}

/// An entry without its digest.
fn shown(entry: &KeyEntry) -> Value {
    json!({
        "id": entry.id,
        "name": entry.name,
        "roles": entry.roles,
        "certificate": entry.certificate,
        "created_us": entry.created_us,
        "expires_us": entry.expires_us,
    })
}

/// Microseconds of `30d`, `12h`, `90m`.
fn lifetime(text: &str) -> Result<i64, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<i64>().ok()?.checked_mul(DAY_US));
    let shorter = || i64::try_from(Millis::parse(text)?.duration().as_micros()).ok();
    let micros = days.or_else(shorter).filter(|micros| *micros > 0);
    micros.ok_or_else(|| format!("`{text}` is not a time such as `30d`, `12h` or `90m`"))
}
