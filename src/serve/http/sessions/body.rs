//! The JSON bodies of requests.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::event::OsText;
use crate::serve::sessions::{NewSession, StartCommand, timeout_of_millis};

/// `POST /api/v1/sessions`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewSessionBody {
    /// The directory that is watched, from the root of the server's file system.
    pub workspace: String,
    /// Name of a policy in `policies.dir`, or `built-in`; left out is the configured one.
    pub policy: String,
    /// `key=value`.
    pub labels: Vec<String>,
    /// Left out or 0 is the configured one; 18446744073709551615 is never.
    pub idle_timeout_ms: u64,
    /// Left out or 0 is the configured one; 18446744073709551615 is never.
    pub hard_timeout_ms: u64,
    /// W3C Trace Context; left out is the request's header of this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl NewSessionBody {
    /// What is asked of the sessions.
    #[must_use]
    pub fn into_request(self, header: Option<String>) -> NewSession {
        NewSession {
            workspace: self.workspace.into(),
            policy: self.policy,
            labels: self.labels,
            idle_timeout: timeout_of_millis(self.idle_timeout_ms),
            hard_timeout: timeout_of_millis(self.hard_timeout_ms),
            traceparent: self.traceparent.or(header),
        }
    }
}

/// Text, or bytes that are none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum Piece {
    /// As it is.
    Text(String),
    /// What is no UTF-8.
    Bytes {
        /// The bytes, in standard base64.
        base64: String,
    },
}

impl Piece {
    /// The bytes.
    ///
    /// # Errors
    /// When what should be base64 is none.
    pub fn bytes(self) -> Result<Vec<u8>, base64::DecodeError> {
        match self {
            Piece::Text(text) => Ok(text.into_bytes()),
            Piece::Bytes { base64 } => STANDARD.decode(base64),
        }
    }
}

impl From<&OsText> for Piece {
    fn from(text: &OsText) -> Self {
        match std::str::from_utf8(text.as_bytes()) {
            Ok(text) => Piece::Text(text.to_owned()),
            Err(_) => Piece::Bytes { base64: STANDARD.encode(text.as_bytes()) },
        }
    }
}

/// `POST /api/v1/sessions/{id}/exec`, and what `start` of the framed form holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExecBody {
    /// The program and its arguments.
    pub command: Vec<Piece>,
    /// Variables beside the server's own `PATH`, `HOME` and the like.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Piece>,
    /// Where it starts; left out is the workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<Piece>,
    /// W3C Trace Context; left out is the request's header of this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The whole standard input; in the framed form it comes in frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdin: Option<Piece>,
}

impl ExecBody {
    /// What is asked of the sessions; the standard input is left aside.
    ///
    /// # Errors
    /// When what should be base64 is none.
    pub fn into_request(self, session: String, header: Option<String>) -> Result<StartCommand, base64::DecodeError> {
        let text = |piece: Piece| piece.bytes().map(OsText::from_bytes);
        Ok(StartCommand {
            session,
            argv: self.command.into_iter().map(text).collect::<Result<_, _>>()?,
            env: self
                .env
                .into_iter()
                .map(|(name, value)| Ok((OsText::from(name), text(value)?)))
                .collect::<Result<_, base64::DecodeError>>()?,
            cwd: self.cwd.map(text).transpose()?,
            traceparent: self.traceparent.or(header),
        })
    }

    /// The body that asks for this command; `None` for a variable's name that is no UTF-8, which JSON cannot say.
    #[must_use]
    pub fn of(command: &StartCommand) -> Option<Self> {
        let name = |name: &OsText| std::str::from_utf8(name.as_bytes()).ok().map(str::to_owned);
        Some(Self {
            command: command.argv.iter().map(Piece::from).collect(),
            env: command.env.iter().map(|(variable, value)| Some((name(variable)?, value.into()))).collect::<Option<_>>()?,
            cwd: command.cwd.as_ref().map(Piece::from),
            traceparent: command.traceparent.clone(),
            stdin: None,
        })
    }
}

/// `POST /api/v1/sessions/{id}/signal`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalBody {
    /// Number of the signal on Linux.
    pub signal: i32,
    /// Left out is every command of the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_id: Option<String>,
}
