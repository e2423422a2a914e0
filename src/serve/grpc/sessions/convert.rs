//! Between the messages of `session_service.proto` and the types of `serve::sessions`.

use std::time::Duration;

use tonic::{Code, Status};

use crate::encode::proto::{self, Session};
use crate::serve::sessions::{CommandEnd, CommandInfo, SessionError, SessionInfo, SessionPage, SessionState};

/// The one place where a reason becomes a code.
pub(super) fn status(error: &SessionError) -> Status {
    let code = match error {
        SessionError::Unknown { .. } | SessionError::UnknownCommand { .. } => Code::NotFound,
        SessionError::Ambiguous { .. } | SessionError::Invalid { .. } => Code::InvalidArgument,
        SessionError::Ended { .. } | SessionError::Elsewhere { .. } => Code::FailedPrecondition,
        SessionError::TooMany { .. } => Code::ResourceExhausted,
        SessionError::ShuttingDown | SessionError::JournalCannotWrite { .. } => Code::Unavailable,
        SessionError::Failed { .. } => Code::Internal,
    };
    Status::new(code, error.to_string())
}

/// A time in a message: 0 is none given.
pub(super) fn millis(time: u64) -> Option<Duration> {
    (time != 0).then(|| Duration::from_millis(time))
}

/// A text in a message: empty is none given.
pub(super) fn text(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

pub(super) fn session(info: SessionInfo) -> Session {
    Session {
        id: info.id,
        state: match info.state {
            SessionState::Running => proto::SessionState::Running,
            SessionState::Ended => proto::SessionState::Ended,
        }
        .into(),
        workspace: info.workspace,
        policy: info.policy,
        policy_digest: info.policy_digest,
        labels: info.labels,
        created_us: info.created_us,
        ended_us: info.ended_us,
        end_reason: info.end_reason,
        first_seq: info.first_seq,
        last_seq: info.last_seq,
        events: info.events,
        decisions: info.decisions,
        denied: info.denied,
        commands: info.commands.into_iter().map(command).collect(),
        idle_timeout_ms: info.idle_timeout_ms,
        hard_timeout_ms: info.hard_timeout_ms,
    }
}

fn command(info: CommandInfo) -> proto::Command {
    proto::Command { id: info.id, argv: info.argv, started_us: info.started_us, pid: info.pid }
}

pub(super) fn finished(end: CommandEnd) -> proto::ExecFinished {
    proto::ExecFinished { exit_code: end.exit_code, signal: end.signal, error: end.error, rule: end.rule, last_seq: end.last_seq }
}

/// What a client reads of a session.
pub(in crate::serve::grpc) fn info(session: Session) -> SessionInfo {
    SessionInfo {
        state: match session.state() {
            proto::SessionState::Ended => SessionState::Ended,
            proto::SessionState::Running | proto::SessionState::Unspecified => SessionState::Running,
        },
        id: session.id,
        workspace: session.workspace,
        policy: session.policy,
        policy_digest: session.policy_digest,
        labels: session.labels,
        created_us: session.created_us,
        ended_us: session.ended_us,
        end_reason: session.end_reason,
        first_seq: session.first_seq,
        last_seq: session.last_seq,
        events: session.events,
        decisions: session.decisions,
        denied: session.denied,
        commands: session
            .commands
            .into_iter()
            .map(|command| CommandInfo { id: command.id, argv: command.argv, started_us: command.started_us, pid: command.pid })
            .collect(),
        idle_timeout_ms: session.idle_timeout_ms,
        hard_timeout_ms: session.hard_timeout_ms,
    }
}

/// What a client reads of a page.
pub(in crate::serve::grpc) fn page(answer: proto::ListSessionsResponse) -> SessionPage {
    SessionPage { sessions: answer.sessions.into_iter().map(info).collect(), next: answer.next_page_token.parse().ok() }
}

/// What a client reads of an end.
pub(in crate::serve::grpc) fn end(finished: proto::ExecFinished) -> CommandEnd {
    CommandEnd {
        exit_code: finished.exit_code,
        signal: finished.signal,
        error: finished.error,
        rule: finished.rule,
        last_seq: finished.last_seq,
    }
}
