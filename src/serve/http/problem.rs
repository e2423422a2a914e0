//! `Problem`: the one form of an error (RFC 9457), and the one place where a reason becomes a status.

use std::fmt::Display;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::journal::{JournalError, StoreError};
use crate::query::SessionError as NameError;
use crate::query::sql::SqlError;
use crate::serve::auth::Unauthorized;
use crate::serve::questions::QuestionError;
use crate::serve::sessions::SessionError;
use crate::serve::stream::StreamsError;

/// The media type of a [`Problem`].
pub const PROBLEM_TYPE: &str = "application/problem+json";

/// Why there is no other answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status.
    status: u16,
    /// What is wrong, and what to do.
    detail: String,
    /// The parameter, or the member of the body, that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    /// Where in a text that was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<Position>,
    /// The routes that there are, where a path is none of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    routes: Option<Vec<&'static str>>,
}

/// A place in a text, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

impl Problem {
    /// A problem of this kind.
    #[must_use]
    pub fn new(status: StatusCode, detail: impl Display) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Unknown"),
            status: status.as_u16(),
            detail: detail.to_string(),
            parameter: None,
            position: None,
            routes: None,
        }
    }

    /// A parameter that cannot be.
    #[must_use]
    pub fn parameter(name: &str, detail: impl Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format_args!("{name}: {detail}")).about(name)
    }

    /// The same, about a parameter.
    #[must_use]
    pub fn about(self, name: &str) -> Self {
        Self { parameter: Some(name.to_owned()), ..self }
    }

    /// The same, with a place in the text.
    #[must_use]
    pub fn at(self, position: Position) -> Self {
        Self { position: Some(position), ..self }
    }

    /// The same, with the routes that there are.
    #[must_use]
    pub fn naming(self, routes: Vec<&'static str>) -> Self {
        Self { routes: Some(routes), ..self }
    }

    /// What is wrong, and what to do.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// A fault of the server's own.
    #[must_use]
    pub fn fault(detail: impl Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let text = serde_json::to_string(&self).unwrap_or_default();
        let headers = [(header::CONTENT_TYPE, PROBLEM_TYPE), (header::CACHE_CONTROL, "no-store")];
        let mut response = (status, headers, format!("{text}\n")).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

impl From<&SessionError> for Problem {
    fn from(error: &SessionError) -> Self {
        let status = match error {
            SessionError::Unknown { .. } | SessionError::UnknownCommand { .. } => StatusCode::NOT_FOUND,
            SessionError::Ambiguous { .. } | SessionError::Invalid { .. } => StatusCode::BAD_REQUEST,
            SessionError::Ended { .. } | SessionError::Elsewhere { .. } => StatusCode::CONFLICT,
            SessionError::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            SessionError::ShuttingDown | SessionError::JournalCannotWrite { .. } => StatusCode::SERVICE_UNAVAILABLE,
            SessionError::Failed { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error)
    }
}

impl From<&Unauthorized> for Problem {
    fn from(refused: &Unauthorized) -> Self {
        let status = match refused {
            Unauthorized::NoKey
            | Unauthorized::UnknownKey
            | Unauthorized::UnknownCertificate
            | Unauthorized::SignedOut
            | Unauthorized::Expired { .. } => StatusCode::UNAUTHORIZED,
            Unauthorized::WrongRole { .. } | Unauthorized::Forged => StatusCode::FORBIDDEN,
        };
        Self::new(status, refused)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let status = match error {
            StoreError::Busy => StatusCode::SERVICE_UNAVAILABLE,
            StoreError::Full | StoreError::Disk(_) | StoreError::Damaged(_) | StoreError::Other(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        Self::new(status, error)
    }
}

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        Self::fault(error)
    }
}

impl From<NameError> for Problem {
    fn from(error: NameError) -> Self {
        match error {
            NameError::NoneYet | NameError::Unknown { .. } => Self::new(StatusCode::NOT_FOUND, error).about("session"),
            NameError::Ambiguous { .. } => Self::parameter("session", error),
            NameError::Store(error) => error.into(),
        }
    }
}

impl From<QuestionError> for Problem {
    /// What needs too much is neither 408, after which browsers ask the same again by themselves, nor a fault of the server's: it is understood, and
    /// cannot be done.
    fn from(error: QuestionError) -> Self {
        let error = match error {
            QuestionError::Busy { .. } | QuestionError::Ending => return Self::new(StatusCode::SERVICE_UNAVAILABLE, error),
            QuestionError::Sql(error) => error,
        };
        let place = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let position = error.position().map(|(line, column)| Position { line: place(line), column: place(column) });
        let problem = match error {
            SqlError::Journal(error) => return error.into(),
            SqlError::Store(error) => return error.into(),
            SqlError::Lake { .. } | SqlError::Failed { .. } => return Self::fault(error),
            SqlError::Syntax { .. } | SqlError::NotAQuestion { .. } | SqlError::Unanswerable { .. } | SqlError::Value { .. } => {
                Self::new(StatusCode::BAD_REQUEST, error).about("sql")
            }
            SqlError::Memory { .. } => Self::new(StatusCode::UNPROCESSABLE_ENTITY, error).about("sql"),
            SqlError::Time { .. } => Self::new(StatusCode::UNPROCESSABLE_ENTITY, error).about("timeout_ms"),
        };
        Self { position, ..problem }
    }
}

impl From<StreamsError> for Problem {
    fn from(error: StreamsError) -> Self {
        let status = match error {
            StreamsError::Store(error) => return error.into(),
            StreamsError::Journal(_) | StreamsError::Thread(_) => StatusCode::INTERNAL_SERVER_ERROR,
            StreamsError::Ended => StatusCode::SERVICE_UNAVAILABLE,
            StreamsError::Future { .. } => return Self::parameter("after", error),
            StreamsError::NoStart
            | StreamsError::NoSession
            | StreamsError::BadName
            | StreamsError::TooLarge { .. }
            | StreamsError::NotDelivered { .. } => StatusCode::BAD_REQUEST,
            StreamsError::Expired { .. } => StatusCode::GONE,
            StreamsError::UnknownConsumer { .. } => StatusCode::NOT_FOUND,
            StreamsError::NotYours { .. } => StatusCode::FORBIDDEN,
            StreamsError::TooManyConsumers { .. } => StatusCode::TOO_MANY_REQUESTS,
        };
        Self::new(status, error)
    }
}
