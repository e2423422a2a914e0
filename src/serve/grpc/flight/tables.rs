//! The catalog, its schema, the table and its views.

use std::sync::Arc;

use arrow_flight::sql::metadata::GetCatalogsBuilder;
use arrow_flight::sql::{CommandGetDbSchemas, CommandGetTableTypes, CommandGetTables};
use tokio::sync::OnceCell;
use tonic::Status;

use super::status::status;
use crate::query::sql::{Batch, Engine, TableInfo, TableKind, plain_columns};
use crate::serve::questions::Questions;

/// What can be asked about. Found out once: it does not change while the program runs.
#[derive(Clone, Default)]
pub(super) struct Tables(Arc<OnceCell<Vec<TableInfo>>>);

impl Tables {
    async fn known(&self, questions: &Questions) -> Result<&[TableInfo], Status> {
        let found = self.0.get_or_try_init(|| questions.tables()).await;
        found.map(Vec::as_slice).map_err(|error| status(&error))
    }

    /// Those that are asked for, with their columns where they are wanted.
    pub(super) async fn list(&self, questions: &Questions, asked: CommandGetTables) -> Result<Batch, Status> {
        let (catalog, schema) = Engine::home();
        let mut builder = asked.into_builder();
        for table in self.known(questions).await? {
            let columns = plain_columns(&table.schema);
            builder.append(catalog, schema, &table.name, kind(table.kind), &columns).map_err(Status::from)?;
        }
        builder.build().map_err(Status::from)
    }
}

const fn kind(kind: TableKind) -> &'static str {
    match kind {
        TableKind::Table => "TABLE",
        TableKind::View => "VIEW",
    }
}

pub(super) fn catalogs() -> Result<Batch, Status> {
    let mut builder = GetCatalogsBuilder::new();
    builder.append(Engine::home().0);
    builder.build().map_err(Status::from)
}

pub(super) fn schemas(asked: CommandGetDbSchemas) -> Result<Batch, Status> {
    let (catalog, schema) = Engine::home();
    let mut builder = asked.into_builder();
    builder.append(catalog, schema);
    builder.build().map_err(Status::from)
}

pub(super) fn table_types() -> Result<Batch, Status> {
    let mut builder = CommandGetTableTypes {}.into_builder();
    for one in [TableKind::Table, TableKind::View] {
        builder.append(kind(one));
    }
    builder.build().map_err(Status::from)
}
