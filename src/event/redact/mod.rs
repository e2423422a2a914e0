//! Redaction: takes secrets out of arguments, URLs, headers and text before an event is made (G-7).
//!
//! Guarantees: every function is pure, takes any bytes, runs in time linear in its input, allocates nothing when nothing is
//! found, and gives its own output back unchanged. What it takes out becomes `[redacted]`, or `[redacted:KIND]` where the shape
//! of the secret says what it was. Redact first and cut to length afterwards: half a token has no shape.
//! Never: a look at a clock, a file or the environment; a hash of the secret, which could be guessed back.
//!
//! Recognised, wherever it stands:
//! - tokens whose issuer gave them a shape (the table in `shapes.rs`): AWS key ids, GitHub, GitLab, Slack, Google, OpenAI,
//!   Anthropic, Stripe, npm, PyPI, Hugging Face, DigitalOcean, SendGrid, Twilio, Vault, Telegram and others; JWTs (RFC 7519);
//!   private keys as PEM (RFC 7468), OpenPGP, OpenSSH and age; `Bearer …`;
//! - the password in the userinfo of a URL, and a user name there that looks like a token;
//! - the value after a name that says that it is a secret (`names.rs`): `DB_PASSWORD=…`, `"apiKey": "…"`,
//!   `aws_secret_access_key = …`, `password: …`, `Authorization: …`, `Cookie: …`;
//! - in URLs and forms, the values of `key`, `sig`, `code`, `session` and the like as well, also when name or value is
//!   percent-encoded;
//! - in arguments: `--password x`, `--token=x`, `curl -u user:password`, `mysql -pSECRET` and their kin (`programs.rs`), also inside
//!   the text that `sh -c`, `ssh` and others hand to a shell.
//!
//! Not recognised: a secret without shape, name or place (`login hunter2`); text that is encrypted, compressed or encoded in another
//! way than percent-encoding (a PEM key in base64 is); XML elements; what a program reads from a file. A value that is only a
//! reference to a variable (`$TOKEN`), a path where a key file is expected, `true`, `null` and the like stay.

mod argv;
mod assignments;
mod command_line;
mod headers;
mod keys;
mod marker;
mod names;
mod payload;
mod programs;
mod shapes;
mod shell;
mod text;
mod urls;
mod values;

pub use argv::argv;
pub use command_line::command_line;
pub use headers::header_value;
pub use marker::MARKER;
pub use payload::{payload, payload_in_place};
pub use text::{bytes, named_value, text};
pub use urls::{path, query, url_userinfo};
