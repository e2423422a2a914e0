//! `FlightApi`: each call, handed to the part that answers it.

use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::{
    ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult, Any, Command, ProstMessageExt as _,
};
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightEndpoint, FlightInfo, HandshakeRequest,
    HandshakeResponse, IpcMessage, PollInfo, PutResult, Result as ActionResult, SchemaAsIpc, SchemaResult, Ticket,
};
use bytes::Bytes;
use datafusion::arrow::ipc::writer::IpcWriteOptions;
use futures_util::stream;
use prost::Message as _;
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::answer::{of_batch, rows};
use super::command::{Wanted, command, handle, read_only};
use super::info::sql_info;
use super::keys::{foreign, primary};
use super::status::{status, unwritten};
use super::tables::{self, Tables};
use super::type_info::type_info;
use crate::query::sql::{Batch, Columns, plain_columns};
use crate::serve::grpc::gate::SignedIn;
use crate::serve::grpc::seam::BoxStream;
use crate::serve::questions::Questions;

const PREPARE: &str = "CreatePreparedStatement";
const CLOSE: &str = "ClosePreparedStatement";

/// Arrow Flight SQL over an engine.
#[derive(Clone)]
pub struct FlightApi {
    questions: Questions,
    tables: Tables,
}

impl FlightApi {
    /// Answers from an engine.
    #[must_use]
    pub fn new(questions: Questions) -> Self {
        Self { questions, tables: Tables::default() }
    }

    /// The columns of what is asked for.
    async fn columns(&self, wanted: &Wanted) -> Result<Columns, Status> {
        match wanted {
            Wanted::Question(sql) => {
                let columns = self.questions.columns_of(sql).await.map_err(|error| status(&error))?;
                Ok(plain_columns(&columns))
            }
            other => Ok(self.known(other).await?.schema()),
        }
    }

    /// What is answered without a question.
    async fn known(&self, wanted: &Wanted) -> Result<Batch, Status> {
        match wanted {
            Wanted::Question(_) => Err(Status::internal("a question has no answer that is known beforehand")),
            Wanted::Catalogs => tables::catalogs(),
            Wanted::Schemas(asked) => tables::schemas(asked.clone()),
            Wanted::Tables(asked) => self.tables.list(&self.questions, asked.clone()).await,
            Wanted::TableTypes => tables::table_types(),
            Wanted::SqlInfo(asked) => sql_info(asked.clone()),
            Wanted::TypeInfo(asked) => type_info(asked),
            Wanted::PrimaryKeys(asked) => primary(asked),
            Wanted::ForeignKeys => Ok(foreign()),
        }
    }

    async fn info(&self, descriptor: FlightDescriptor) -> Result<FlightInfo, Status> {
        let wanted = Wanted::of_descriptor(&descriptor)?;
        let columns = self.columns(&wanted).await?;
        let endpoint = FlightEndpoint::new().with_ticket(wanted.ticket(&descriptor));
        let info = FlightInfo::new().try_with_schema(&columns).map_err(unwritten)?;
        Ok(info.with_endpoint(endpoint).with_descriptor(descriptor))
    }

    async fn prepare(&self, body: &[u8]) -> Result<Bytes, Status> {
        let asked: ActionCreatePreparedStatementRequest = match command(body)? {
            Command::ActionCreatePreparedStatementRequest(asked) => asked,
            _ => return Err(Status::invalid_argument("the body is no ActionCreatePreparedStatementRequest")),
        };
        if asked.transaction_id.is_some_and(|id| !id.is_empty()) {
            return Err(Status::invalid_argument("there are no transactions: prepare without one"));
        }
        let columns = self.questions.columns_of(&asked.query).await.map_err(|error| status(&error))?;
        let columns = plain_columns(&columns);
        let IpcMessage(dataset_schema) = SchemaAsIpc::new(&columns, &IpcWriteOptions::default()).try_into().map_err(unwritten)?;
        let result = ActionCreatePreparedStatementResult {
            prepared_statement_handle: handle(&asked.query),
            dataset_schema,
            parameter_schema: Bytes::new(),
        };
        let any: Any = result.as_any();
        Ok(any.encode_to_vec().into())
    }
}

#[async_trait]
impl FlightService for FlightApi {
    type HandshakeStream = BoxStream<HandshakeResponse>;
    type ListFlightsStream = BoxStream<FlightInfo>;
    type DoGetStream = BoxStream<FlightData>;
    type DoPutStream = BoxStream<PutResult>;
    type DoActionStream = BoxStream<ActionResult>;
    type ListActionsStream = BoxStream<ActionType>;
    type DoExchangeStream = BoxStream<FlightData>;

    /// The gate has looked at the key. What it gives for it goes on in the place where the drivers look.
    async fn handshake(&self, request: Request<Streaming<HandshakeRequest>>) -> Result<Response<Self::HandshakeStream>, Status> {
        let answer = HandshakeResponse { protocol_version: 0, payload: Bytes::new() };
        let mut response: Response<Self::HandshakeStream> = Response::new(Box::pin(stream::iter([Ok(answer)])));
        if let Some(SignedIn(token)) = request.extensions().get::<SignedIn>() {
            let token = MetadataValue::try_from(format!("Bearer {token}"));
            let token = token.map_err(|_| Status::internal("the token is no text"))?;
            response.metadata_mut().insert("authorization", token);
        }
        Ok(response)
    }

    async fn list_flights(&self, _: Request<Criteria>) -> Result<Response<Self::ListFlightsStream>, Status> {
        Err(Status::unimplemented("there is no list of flights: ask in SQL, or for the tables (CommandGetTables)"))
    }

    async fn get_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<FlightInfo>, Status> {
        self.info(request.into_inner()).await.map(Response::new)
    }

    /// Nothing is worked on before its rows are fetched: what there is to know is known at once.
    async fn poll_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<PollInfo>, Status> {
        let info = self.info(request.into_inner()).await?;
        Ok(Response::new(PollInfo { info: Some(info), flight_descriptor: None, progress: Some(1.0), expiration_time: None }))
    }

    async fn get_schema(&self, request: Request<FlightDescriptor>) -> Result<Response<SchemaResult>, Status> {
        let columns = self.columns(&Wanted::of_descriptor(request.get_ref())?).await?;
        let schema = SchemaAsIpc::new(&columns, &IpcWriteOptions::default()).try_into().map_err(unwritten)?;
        Ok(Response::new(schema))
    }

    async fn do_get(&self, request: Request<Ticket>) -> Result<Response<Self::DoGetStream>, Status> {
        let wanted = Wanted::of_ticket(request.get_ref())?;
        let stream = match &wanted {
            Wanted::Question(sql) => {
                let answer = self.questions.ask(sql, self.questions.most()).await.map_err(|error| status(&error))?;
                rows(answer, self.questions.clone())
            }
            other => of_batch(self.known(other).await?),
        };
        Ok(Response::new(stream))
    }

    async fn do_put(&self, request: Request<Streaming<FlightData>>) -> Result<Response<Self::DoPutStream>, Status> {
        let first = request.into_inner().message().await?.and_then(|data| data.flight_descriptor);
        let first = first.ok_or_else(|| Status::invalid_argument("the first message must have a descriptor"))?;
        match command(&first.cmd)? {
            Command::CommandPreparedStatementQuery(_) => {
                Err(Status::unimplemented("no values are taken for a prepared statement: write them into the question"))
            }
            _ => Err(read_only()),
        }
    }

    async fn do_exchange(&self, _: Request<Streaming<FlightData>>) -> Result<Response<Self::DoExchangeStream>, Status> {
        Err(read_only())
    }

    async fn do_action(&self, request: Request<Action>) -> Result<Response<Self::DoActionStream>, Status> {
        let action = request.into_inner();
        let results: Vec<Result<ActionResult, Status>> = match action.r#type.as_str() {
            PREPARE => vec![Ok(ActionResult { body: self.prepare(&action.body).await? })],
            // A prepared statement is its text, which nothing here holds on to.
            CLOSE => match command(&action.body)? {
                Command::ActionClosePreparedStatementRequest(_) => Vec::new(),
                _ => return Err(Status::invalid_argument("the body is no ActionClosePreparedStatementRequest")),
            },
            "CancelFlightInfo" | "CancelQuery" => {
                return Err(Status::unimplemented("a question ends when the stream of its rows is cancelled"));
            }
            "BeginTransaction" | "EndTransaction" | "BeginSavepoint" | "EndSavepoint" => {
                return Err(Status::unimplemented("there are no transactions: nothing is written"));
            }
            _ => return Err(Status::unimplemented(format!("there is no such action; there are {PREPARE} and {CLOSE}"))),
        };
        Ok(Response::new(Box::pin(stream::iter(results))))
    }

    async fn list_actions(&self, _: Request<Empty>) -> Result<Response<Self::ListActionsStream>, Status> {
        let action = |name: &str, about: &str| Ok(ActionType { r#type: name.to_owned(), description: about.to_owned() });
        let actions = vec![
            action(PREPARE, "takes ActionCreatePreparedStatementRequest, gives ActionCreatePreparedStatementResult"),
            action(CLOSE, "takes ActionClosePreparedStatementRequest, gives nothing"),
        ];
        Ok(Response::new(Box::pin(stream::iter(actions))))
    }
}
