//! Secrets that are known by their shape: a prefix that their issuer chose, and what may follow it.
//!
//! A table of prefixes, an index over their first two bytes that most input never gets past, and for each hit a look at the run of
//! bytes that follows. There is no backtracking: a run that was accepted is not read again, and one that was rejected was either
//! short or is remembered.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use super::keys;
use super::marker::{MARKER, Rewrite, before, byte, is_marker, marker_for, run, slice};

/// One shape of secret.
struct Shape {
    prefix: &'static str,
    kind: &'static str,
    left: Left,
    body: Body,
}

/// What may stand before the prefix.
#[derive(Clone, Copy)]
enum Left {
    /// Anything: the prefix occurs in nothing else.
    Any,
    /// No letter and no digit, unless it ends an escape (`\n`, `%3D`): the prefix also ends ordinary words (`task-…`).
    Edge,
}

/// What must follow the prefix.
#[derive(Clone, Copy)]
enum Body {
    /// At least so many bytes of the class; prefix and all of them are the secret.
    Run(fn(u8) -> bool, usize),
    /// The same, but the prefix is no secret and stays.
    After(fn(u8) -> bool, usize),
    /// Whatever the function finds in the text, given the start and the end of the prefix.
    Found(fn(&[u8], usize, usize) -> Option<Range<usize>>),
    /// A JSON Web Token.
    Jwt,
}

use Body::{After, Found, Jwt, Run};
use Left::{Any, Edge};

const fn shape(prefix: &'static str, kind: &'static str, left: Left, body: Body) -> Shape {
    Shape { prefix, kind, left, body }
}

/// Where two prefixes start alike, the longer one stands first. Least lengths are somewhat below the real ones.
const SHAPES: &[Shape] = &[
    shape("-----BEGIN ", "private-key", Any, Found(keys::pem)),
    shape("LS0tLS1CRUdJTi", "private-key", Any, Found(keys::pem_in_base64)),
    shape("b3BlbnNzaC1rZXktdjE", "private-key", Any, Found(keys::openssh)),
    shape("AGE-SECRET-KEY-", "age-key", Any, Run(upper_dash, 30)),
    shape("eyJ", "jwt", Any, Jwt),
    shape("Bearer ", "bearer-token", Any, Found(bearer)),
    shape("bearer ", "bearer-token", Any, Found(bearer)),
    shape("BEARER ", "bearer-token", Any, Found(bearer)),
    shape("Bearer%20", "bearer-token", Any, Found(bearer)),
    shape("AKIA", "aws-key-id", Any, Run(upper, 16)),
    shape("ASIA", "aws-key-id", Any, Run(upper, 16)),
    // This program's own: `agentsh_ID_SECRET`.
    shape("agentsh_", "agentsh-key", Any, Run(hexadecimal_word, 60)),
    shape("github_pat_", "github-token", Any, Run(word, 22)),
    shape("ghp_", "github-token", Any, Run(word, 30)),
    shape("gho_", "github-token", Any, Run(word, 30)),
    shape("ghu_", "github-token", Any, Run(word, 30)),
    shape("ghr_", "github-token", Any, Run(word, 30)),
    // An installation's token may carry a JWT after its number.
    shape("ghs_", "github-token", Any, Run(dotted, 30)),
    shape("glpat-", "gitlab-token", Any, Run(dotted, 16)),
    shape("gldt-", "gitlab-token", Any, Run(dotted, 16)),
    shape("glrt-", "gitlab-token", Any, Run(dotted, 16)),
    shape("glcbt-", "gitlab-token", Any, Run(dotted, 16)),
    shape("glptt-", "gitlab-token", Any, Run(dotted, 16)),
    shape("gloas-", "gitlab-token", Any, Run(dotted, 16)),
    shape("glagent-", "gitlab-token", Any, Run(dotted, 16)),
    shape("xoxa-", "slack-token", Any, Run(dashed, 10)),
    shape("xoxb-", "slack-token", Any, Run(dashed, 10)),
    shape("xoxc-", "slack-token", Any, Run(dashed, 10)),
    shape("xoxd-", "slack-token", Any, Run(slack, 10)),
    shape("xoxe-", "slack-token", Any, Run(dashed, 10)),
    shape("xoxe.", "slack-token", Any, Run(dashed, 10)),
    shape("xoxp-", "slack-token", Any, Run(dashed, 10)),
    shape("xoxr-", "slack-token", Any, Run(dashed, 10)),
    shape("xoxs-", "slack-token", Any, Run(dashed, 10)),
    shape("xapp-", "slack-token", Any, Run(dashed, 10)),
    shape("hooks.slack.com/services/", "slack-webhook", Any, After(segments, 8)),
    shape("hooks.slack.com/workflows/", "slack-webhook", Any, After(segments, 8)),
    shape("hooks.slack.com/triggers/", "slack-webhook", Any, After(segments, 8)),
    shape("/api/webhooks/", "discord-webhook", Any, Found(discord_webhook)),
    shape(":AA", "telegram-token", Any, Found(telegram)),
    shape("AIza", "google-key", Any, Run(base64_url, 30)),
    shape("ya29.", "google-token", Any, Run(dotted, 20)),
    shape("GOCSPX-", "google-secret", Any, Run(base64_url, 20)),
    shape("1//0", "google-token", Edge, Run(base64_url, 30)),
    shape("sk-ant-", "anthropic-key", Any, Run(base64_url, 16)),
    shape("sk-proj-", "openai-key", Any, Run(base64_url, 16)),
    shape("sk-svcacct-", "openai-key", Any, Run(base64_url, 16)),
    shape("sk-admin-", "openai-key", Any, Run(base64_url, 16)),
    shape("sk-or-v1-", "openrouter-key", Any, Run(base64_url, 16)),
    shape("sk-", "api-key", Edge, Run(alphanumeric, 20)),
    shape("sk_live_", "stripe-key", Any, Run(alphanumeric, 16)),
    shape("sk_test_", "stripe-key", Any, Run(alphanumeric, 16)),
    shape("rk_live_", "stripe-key", Any, Run(alphanumeric, 16)),
    shape("rk_test_", "stripe-key", Any, Run(alphanumeric, 16)),
    shape("whsec_", "webhook-secret", Any, Run(base64, 20)),
    shape("npm_", "npm-token", Any, Run(alphanumeric, 30)),
    shape("pypi-Ag", "pypi-token", Any, Run(base64_url, 30)),
    shape("rubygems_", "rubygems-token", Any, Run(alphanumeric, 40)),
    shape("cio", "crates-io-token", Edge, Run(alphanumeric, 32)),
    shape("hf_", "huggingface-token", Any, Run(alphanumeric, 30)),
    shape("dop_v1_", "digitalocean-token", Any, Run(alphanumeric, 40)),
    shape("doo_v1_", "digitalocean-token", Any, Run(alphanumeric, 40)),
    shape("dor_v1_", "digitalocean-token", Any, Run(alphanumeric, 40)),
    shape("SG.", "sendgrid-key", Edge, Found(sendgrid)),
    shape("SK", "twilio-key", Edge, Run(hexadecimal, 32)),
    shape("hvs.", "vault-token", Any, Run(base64_url, 24)),
    shape("hvb.", "vault-token", Any, Run(base64_url, 24)),
    shape("hvr.", "vault-token", Any, Run(base64_url, 24)),
    shape(".atlasv1.", "terraform-token", Any, Run(base64_url, 40)),
    shape("dapi", "databricks-token", Edge, Run(hexadecimal, 32)),
    shape("shpat_", "shopify-token", Any, Run(alphanumeric, 32)),
    shape("shpss_", "shopify-token", Any, Run(alphanumeric, 32)),
    shape("dckr_pat_", "docker-token", Any, Run(base64_url, 20)),
    shape("glsa_", "grafana-token", Any, Run(word, 32)),
    shape("gsk_", "groq-key", Any, Run(alphanumeric, 40)),
    shape("xai-", "xai-key", Any, Run(alphanumeric, 40)),
    shape("nvapi-", "nvidia-key", Any, Run(base64_url, 40)),
    shape("lin_api_", "linear-key", Any, Run(alphanumeric, 32)),
    shape("sntrys_", "sentry-token", Any, Run(base64, 40)),
    shape("tskey-", "tailscale-key", Any, Run(base64_url, 20)),
    shape("PMAK-", "postman-key", Any, Run(base64_url, 40)),
    shape("ATATT3", "atlassian-token", Any, Run(padded, 40)),
    shape("sq0csp-", "square-secret", Any, Run(base64_url, 30)),
];

const fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

const fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

const fn upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

const fn upper_dash(byte: u8) -> bool {
    upper(byte) || byte == b'-'
}

const fn hexadecimal(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

const fn hexadecimal_word(byte: u8) -> bool {
    hexadecimal(byte) || byte == b'_'
}

const fn base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

const fn base64_url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

const fn padded(byte: u8) -> bool {
    base64_url(byte) || byte == b'='
}

const fn dotted(byte: u8) -> bool {
    base64_url(byte) || byte == b'.'
}

const fn dashed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

const fn slack(byte: u8) -> bool {
    base64(byte) || matches!(byte, b'-' | b'.' | b'%')
}

const fn segments(byte: u8) -> bool {
    base64_url(byte) || byte == b'/'
}

/// `token68` of RFC 9110 §11.2.
const fn token68(byte: u8) -> bool {
    base64(byte) || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// A word after `Bearer` is a token if it is long or has a digit: "bearer authentication" is prose.
fn bearer(bytes: &[u8], _: usize, from: usize) -> Option<Range<usize>> {
    let end = from + run(bytes, from, token68);
    let token = slice(bytes, from..end);
    (token.len() >= 20 || (token.len() >= 8 && token.iter().any(u8::is_ascii_digit))).then_some(from..end)
}

/// `SG.`, 22 bytes, a dot, 43 bytes.
fn sendgrid(bytes: &[u8], start: usize, from: usize) -> Option<Range<usize>> {
    let id = run(bytes, from, base64_url);
    if id < 16 || byte(bytes, from + id) != Some(b'.') {
        return None;
    }
    let key = run(bytes, from + id + 1, base64_url);
    (key >= 16).then_some(start..from + id + 1 + key)
}

/// A bot's number, which is no secret, then `:AA` and the rest of the token.
fn telegram(bytes: &[u8], start: usize, from: usize) -> Option<Range<usize>> {
    let number = bytes.get(..start).unwrap_or_default().iter().rev().take(6).filter(|byte| byte.is_ascii_digit()).count();
    let token = run(bytes, from, base64_url);
    (number == 6 && token >= 28).then_some(start + 1..from + token)
}

/// `/api/webhooks/NUMBER/TOKEN`.
fn discord_webhook(bytes: &[u8], _: usize, from: usize) -> Option<Range<usize>> {
    let slash = from + bytes.get(from..).unwrap_or_default().iter().take(24).take_while(|byte| byte.is_ascii_digit()).count();
    if slash == from || byte(bytes, slash) != Some(b'/') {
        return None;
    }
    let token = run(bytes, slash + 1, base64_url);
    (token >= 20).then_some(slash + 1..slash + 1 + token)
}

/// The first shapes of the table are private keys, the only secrets that white space does not end.
const PRIVATE_KEYS: usize = 3;

/// One bit for each pair of bytes that a prefix starts with.
type Pairs = Vec<u64>;

static KEY_PAIRS: LazyLock<Pairs> = LazyLock::new(|| pairs_of(private_keys_of_table()));
static ALL_PAIRS: LazyLock<Pairs> = LazyLock::new(|| pairs_of(SHAPES));

fn private_keys_of_table() -> &'static [Shape] {
    SHAPES.get(..PRIVATE_KEYS).unwrap_or(SHAPES)
}

fn pairs_of(shapes: &[Shape]) -> Pairs {
    let mut pairs = vec![0_u64; 1 << 10];
    for shape in shapes {
        if let [first, second, ..] = shape.prefix.as_bytes() {
            let pair = pair(*first, *second);
            if let Some(bits) = pairs.get_mut(pair >> 6) {
                *bits |= 1 << (pair & 63);
            }
        }
    }
    pairs
}

fn pair(first: u8, second: u8) -> usize {
    (usize::from(first) << 8) | usize::from(second)
}

/// Takes every secret out that has a known shape.
pub(super) fn scrub(bytes: &[u8]) -> Cow<'_, [u8]> {
    replace(bytes, SHAPES, &ALL_PAIRS)
}

/// Takes private keys out. This comes before a text is split at white space or at signs, which a key is full of.
pub(super) fn scrub_private_keys(bytes: &[u8]) -> Cow<'_, [u8]> {
    replace(bytes, private_keys_of_table(), &KEY_PAIRS)
}

/// What stands in place of a value that is a secret as a whole: it says the kind, if all of the value has one shape.
pub(super) fn marker_of(value: &[u8]) -> Cow<'static, [u8]> {
    match scrub(value) {
        Cow::Owned(marker) if is_marker(&marker) => Cow::Owned(marker),
        _ => Cow::Borrowed(MARKER.as_bytes()),
    }
}

fn replace<'a>(bytes: &'a [u8], shapes: &[Shape], pairs: &[u64]) -> Cow<'a, [u8]> {
    let mut rewrite = Rewrite::new(bytes);
    let mut no_jwt_before = 0;
    let mut from = 0;
    let mut last_end = 0;
    while let Some(at) = candidate(bytes, from, pairs) {
        from = at + 1;
        // The end of a secret is an edge, since what stands there afterwards is one.
        let edge = at == last_end || is_edge(bytes, at);
        if let Some((secret, kind)) = secret_at(bytes, at, edge, shapes, &mut no_jwt_before) {
            from = secret.end;
            last_end = secret.end;
            rewrite.replace(secret, marker_for(kind).as_bytes());
        }
    }
    rewrite.finish()
}

/// The next place where a prefix may start.
fn candidate(bytes: &[u8], from: usize, pairs: &[u64]) -> Option<usize> {
    let found = bytes.get(from..)?.windows(2).position(|two| match two {
        [first, second] => {
            let pair = pair(*first, *second);
            pairs.get(pair >> 6).is_some_and(|bits| bits >> (pair & 63) & 1 == 1)
        }
        _ => false,
    })?;
    Some(from + found)
}

/// The secret whose prefix stands at `at`.
fn secret_at(
    bytes: &[u8],
    at: usize,
    edge: bool,
    shapes: &[Shape],
    no_jwt_before: &mut usize,
) -> Option<(Range<usize>, &'static str)> {
    let text = bytes.get(at..).unwrap_or_default();
    shapes.iter().filter(|shape| text.starts_with(shape.prefix.as_bytes())).find_map(|shape| {
        let from = at + shape.prefix.len();
        let fits = match shape.left {
            Any => true,
            Edge => edge,
        };
        let secret = match shape.body {
            _ if !fits => None,
            Run(class, least) => run_of(bytes, from, class, least).map(|end| at..end),
            After(class, least) => run_of(bytes, from, class, least).map(|end| from..end),
            Found(find) => find(bytes, at, from),
            Jwt if at < *no_jwt_before => None,
            Jwt => jwt(bytes, at, no_jwt_before),
        };
        secret.map(|secret| (secret, shape.kind))
    })
}

fn run_of(bytes: &[u8], from: usize, class: fn(u8) -> bool, least: usize) -> Option<usize> {
    let length = run(bytes, from, class);
    // The full stop of a sentence is no part of the token.
    let stops = slice(bytes, from..from + length).iter().rev().take_while(|byte| **byte == b'.').count();
    (length - stops >= least).then_some(from + length - stops)
}

fn is_edge(bytes: &[u8], at: usize) -> bool {
    let Some(previous) = before(bytes, at) else { return true };
    if !previous.is_ascii_alphanumeric() {
        return true;
    }
    match slice(bytes, at.saturating_sub(3)..at) {
        [b'%', high, low] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
        [.., b'\\', b'n' | b'r' | b't'] => true,
        _ => false,
    }
}

/// A signed (three parts) or encrypted (five parts) JSON Web Token: RFC 7515 §3.1, RFC 7516 §3.1.
///
/// A rejection also holds for every later start within the part that lacked something, since what follows it is the same;
/// `rejected_before` remembers that.
fn jwt(bytes: &[u8], at: usize, rejected_before: &mut usize) -> Option<Range<usize>> {
    let header_end = at + run(bytes, at, base64_url);
    let mut end = header_end;
    for _ in 0..2 {
        if byte(bytes, end) != Some(b'.') {
            *rejected_before = end;
            return None;
        }
        if header_end - at < 10 {
            *rejected_before = header_end;
            return None;
        }
        end = end + 1 + run(bytes, end + 1, base64_url);
    }
    if end - at < 30 {
        *rejected_before = header_end;
        return None;
    }
    for _ in 0..2 {
        if byte(bytes, end) == Some(b'.') {
            end = end + 1 + run(bytes, end + 1, base64_url);
        }
    }
    let stops = slice(bytes, at..end).iter().rev().take_while(|byte| **byte == b'.').count();
    Some(at..end - stops)
}
