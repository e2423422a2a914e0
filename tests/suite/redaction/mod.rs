//! Tests: redaction, part of G-7 (secrets never enter the journal).

mod arguments;
mod properties;
mod shapes;
mod text;
mod web;

use agentsh::event::OsText;
use agentsh::event::redact;

/// A secret of every shape that is known, made here so that no scanner of this repository takes it for a real one: its kind, and itself.
fn planted() -> Vec<(&'static str, String)> {
    let mixed = |length: usize| "a1B2c3D4e5".chars().cycle().take(length).collect::<String>();
    let upper = |length: usize| "A2B3C4D5E6".chars().cycle().take(length).collect::<String>();
    let hex = |length: usize| "0a1b2c3d4e5f6789".chars().cycle().take(length).collect::<String>();
    let lines = |first: &str| format!("{first}{}\n{}\n{}=", mixed(64 - first.len()), mixed(64), mixed(11));
    let pem = |label: &str| {
        let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
        format!("{begin}\n{}\n{end}", lines("MIIE"))
    };
    let jwt = format!("eyJ{}.eyJ{}.{}", mixed(20), mixed(40), mixed(43));
    vec![
        ("aws-key-id", format!("AKIA{}", upper(16))),
        ("aws-key-id", format!("ASIA{}", upper(16))),
        ("github-token", format!("ghp_{}", mixed(36))),
        ("github-token", format!("gho_{}", mixed(36))),
        ("github-token", format!("ghu_{}", mixed(36))),
        ("github-token", format!("ghs_{}", mixed(36))),
        ("github-token", format!("ghs_12345_{jwt}")),
        ("github-token", format!("ghr_{}", mixed(76))),
        ("github-token", format!("github_pat_{}_{}", mixed(22), mixed(59))),
        ("gitlab-token", format!("glpat-{}", mixed(20))),
        ("gitlab-token", format!("glpat-{}.01.{}", mixed(27), mixed(9))),
        ("slack-token", format!("xoxb-123456789012-1234567890123-{}", mixed(24))),
        ("slack-token", format!("xoxp-123456789012-{}", hex(32))),
        ("slack-token", format!("xapp-1-A0123-{}", hex(40))),
        ("google-key", format!("AIza{}", mixed(35))),
        ("google-token", format!("ya29.{}", mixed(60))),
        ("google-secret", format!("GOCSPX-{}", mixed(28))),
        ("openai-key", format!("sk-proj-{}-{}", mixed(40), mixed(20))),
        ("anthropic-key", format!("sk-ant-api03-{}-{}AA", mixed(60), mixed(30))),
        ("stripe-key", format!("sk_live_{}", mixed(24))),
        ("stripe-key", format!("rk_live_{}", mixed(24))),
        ("npm-token", format!("npm_{}", mixed(36))),
        ("pypi-token", format!("pypi-AgEIcHlwaS5vcmc{}", mixed(80))),
        ("huggingface-token", format!("hf_{}", mixed(34))),
        ("agentsh-key", format!("agentsh_{}_{}", hex(8), hex(64))),
        ("digitalocean-token", format!("dop_v1_{}", hex(64))),
        ("vault-token", format!("hvs.{}", mixed(90))),
        ("jwt", jwt.clone()),
        ("jwt", format!("eyJ{}..{}.{}.{}", mixed(30), mixed(16), mixed(60), mixed(22))),
        ("private-key", pem("RSA PRIVATE KEY")),
        ("private-key", pem("PRIVATE KEY")),
        ("private-key", pem("EC PRIVATE KEY")),
        ("private-key", pem("OPENSSH PRIVATE KEY")),
        ("private-key", pem("ENCRYPTED PRIVATE KEY")),
        ("private-key", pem("PRIVATE KEY").replace('\n', "\\n")),
        ("private-key", pem("PRIVATE KEY").replace('\n', "\r\n")),
        ("age-key", format!("AGE-SECRET-KEY-1{}", upper(58))),
        ("docker-token", format!("dckr_pat_{}", mixed(27))),
        ("shopify-token", format!("shpat_{}", hex(32))),
        ("groq-key", format!("gsk_{}", mixed(52))),
    ]
}

/// Secrets whose prefix also ends ordinary words, so that they count only where a word can start.
fn planted_at_an_edge() -> Vec<(&'static str, String)> {
    let mixed = |length: usize| "a1B2c3D4e5".chars().cycle().take(length).collect::<String>();
    let hex = |length: usize| "0a1b2c3d4e5f6789".chars().cycle().take(length).collect::<String>();
    vec![
        ("api-key", format!("sk-{}T3BlbkFJ{}", mixed(20), mixed(20))),
        ("sendgrid-key", format!("SG.{}.{}", mixed(22), mixed(43))),
        ("twilio-key", format!("SK{}", hex(32))),
        ("databricks-token", format!("dapi{}", hex(32))),
        ("google-token", format!("1//0{}", mixed(40))),
        ("crates-io-token", format!("cio{}", mixed(32))),
    ]
}

/// Reads an argument list written as one string: arguments are separated by ` ␣ `, so that an argument may have spaces.
fn argv(list: &str) -> String {
    let arguments: Vec<OsText> = list.split(" ␣ ").map(OsText::from).collect();
    let redacted = redact::argv(&arguments);
    assert_eq!(redacted, redact::argv(&redacted), "a second redaction of {list:?} changes something");
    assert_eq!(redacted.len(), arguments.len());
    redacted.iter().map(|argument| argument.as_text().into_owned()).collect::<Vec<_>>().join(" ␣ ")
}

fn text(input: &str) -> String {
    let once = redact::text(input).into_owned();
    assert_eq!(once, redact::text(&once), "a second redaction of {input:?} changes something");
    once
}
