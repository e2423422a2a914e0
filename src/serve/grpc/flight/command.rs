//! What a descriptor or a ticket asks for.

use arrow_flight::sql::{
    Any, Command, CommandGetDbSchemas, CommandGetPrimaryKeys, CommandGetSqlInfo, CommandGetTables, CommandGetXdbcTypeInfo,
    ProstMessageExt as _, TicketStatementQuery,
};
use arrow_flight::{FlightDescriptor, Ticket};
use bytes::Bytes;
use prost::Message as _;
use tonic::Status;

/// What is asked for.
pub(super) enum Wanted {
    /// The answer to a question in SQL.
    Question(String),
    Catalogs,
    Schemas(CommandGetDbSchemas),
    Tables(CommandGetTables),
    TableTypes,
    SqlInfo(CommandGetSqlInfo),
    TypeInfo(CommandGetXdbcTypeInfo),
    PrimaryKeys(CommandGetPrimaryKeys),
    /// Keys of one table in another: there are none.
    ForeignKeys,
}

impl Wanted {
    pub(super) fn of_descriptor(descriptor: &FlightDescriptor) -> Result<Self, Status> {
        Self::of(&descriptor.cmd)
    }

    pub(super) fn of_ticket(ticket: &Ticket) -> Result<Self, Status> {
        Self::of(&ticket.ticket)
    }

    fn of(bytes: &[u8]) -> Result<Self, Status> {
        match command(bytes)? {
            Command::CommandStatementQuery(asked) => {
                if asked.transaction_id.is_some_and(|id| !id.is_empty()) {
                    return Err(Status::invalid_argument("there are no transactions: ask without one"));
                }
                Ok(Self::Question(asked.query))
            }
            Command::TicketStatementQuery(ticket) => question(&ticket.statement_handle).map(Self::Question),
            Command::CommandPreparedStatementQuery(asked) => question(&asked.prepared_statement_handle).map(Self::Question),
            Command::CommandGetCatalogs(_) => Ok(Self::Catalogs),
            Command::CommandGetDbSchemas(asked) => Ok(Self::Schemas(asked)),
            Command::CommandGetTables(asked) => Ok(Self::Tables(asked)),
            Command::CommandGetTableTypes(_) => Ok(Self::TableTypes),
            Command::CommandGetSqlInfo(asked) => Ok(Self::SqlInfo(asked)),
            Command::CommandGetXdbcTypeInfo(asked) => Ok(Self::TypeInfo(asked)),
            Command::CommandGetPrimaryKeys(asked) => Ok(Self::PrimaryKeys(asked)),
            Command::CommandGetExportedKeys(_) | Command::CommandGetImportedKeys(_) | Command::CommandGetCrossReference(_) => {
                Ok(Self::ForeignKeys)
            }
            Command::CommandStatementSubstraitPlan(_) => {
                Err(Status::unimplemented("questions are asked in SQL, not as Substrait plans"))
            }
            Command::CommandStatementUpdate(_)
            | Command::CommandPreparedStatementUpdate(_)
            | Command::CommandStatementIngest(_) => Err(read_only()),
            Command::ActionBeginSavepointRequest(_)
            | Command::ActionBeginSavepointResult(_)
            | Command::ActionBeginTransactionRequest(_)
            | Command::ActionBeginTransactionResult(_)
            | Command::ActionCancelQueryRequest(_)
            | Command::ActionCancelQueryResult(_)
            | Command::ActionClosePreparedStatementRequest(_)
            | Command::ActionCreatePreparedStatementRequest(_)
            | Command::ActionCreatePreparedStatementResult(_)
            | Command::ActionCreatePreparedSubstraitPlanRequest(_)
            | Command::ActionEndSavepointRequest(_)
            | Command::ActionEndTransactionRequest(_)
            | Command::DoPutPreparedStatementResult(_)
            | Command::DoPutUpdateResult(_)
            | Command::Unknown(_) => {
                Err(Status::invalid_argument("this is no command of Flight SQL that has rows for an answer"))
            }
        }
    }

    /// The ticket for the rows that a descriptor asks for.
    pub(super) fn ticket(&self, descriptor: &FlightDescriptor) -> Ticket {
        match self {
            Self::Question(sql) => {
                let ticket = TicketStatementQuery { statement_handle: handle(sql) };
                Ticket { ticket: ticket.as_any().encode_to_vec().into() }
            }
            Self::Catalogs
            | Self::Schemas(_)
            | Self::Tables(_)
            | Self::TableTypes
            | Self::SqlInfo(_)
            | Self::TypeInfo(_)
            | Self::PrimaryKeys(_)
            | Self::ForeignKeys => Ticket { ticket: descriptor.cmd.clone() },
        }
    }
}

/// The command that bytes are.
pub(super) fn command(bytes: &[u8]) -> Result<Command, Status> {
    let refused = |what: String| Status::invalid_argument(format!("this is no command of Flight SQL: {what}"));
    let any = Any::decode(bytes).map_err(|error| refused(error.to_string()))?;
    Command::try_from(any).map_err(|error| refused(error.to_string()))
}

/// What stands for a question until it is asked: its text.
pub(super) fn handle(sql: &str) -> Bytes {
    Bytes::copy_from_slice(sql.as_bytes())
}

fn question(handle: &[u8]) -> Result<String, Status> {
    let text = String::from_utf8(handle.to_vec());
    text.map_err(|_not_ours| Status::invalid_argument("this is no ticket and no prepared statement of this server"))
}

/// Why nothing is written.
pub(super) fn read_only() -> Status {
    Status::unimplemented("only questions are answered: what is recorded is written by the recorder alone, and nothing was done")
}
