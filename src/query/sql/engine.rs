//! `Engine`: answers questions about one journal and its lake, on threads of its own.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{DataFusionError, plan_err};
use datafusion::datasource::ViewTable;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::{Instant, timeout, timeout_at};

use super::answer::Answer;
use super::error::SqlError;
use super::functions::{FUNCTIONS, Techniques, functions};
use super::guard;
use super::lake::{LakeFiles, Snapshot};
use super::limits::Limits;
use super::table::{EventsTable, table_schema};
use super::tables::{TableInfo, TableKind, columns};
use super::task::Task;
use super::views::views;
use crate::journal::{DataDir, ReaderStore};

/// The table.
pub(super) const EVENTS: &str = "events";

/// The catalog and the schema in which table and views stand.
pub(super) const CATALOG: &str = "agentsh";
pub(super) const SCHEMA: &str = "public";

/// Aggregates that gather every value of their input, whose memory the engine counts far too low for texts.
const UNBOUNDED: &[&str] = &["array_agg", "string_agg"];

/// Where sealed events are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Lake {
    /// Nowhere that can be read here: everything is read from the journal.
    #[default]
    None,
    /// In a folder.
    Folder(PathBuf),
}

/// Answers questions about one journal.
pub struct Engine {
    sources: Arc<Sources>,
    runtime: Option<Runtime>,
    handle: Handle,
}

/// What is asked.
struct Sources {
    journal: PathBuf,
    lake: Option<LakeFiles>,
    techniques: Arc<dyn Techniques>,
    threads: usize,
}

/// What is held for as long as a question is worked on, such as the turn that it has.
pub type Held = Box<dyn Send>;

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "questions about {}", self.journal().display())
    }
}

impl Engine {
    /// An engine over the journal of a data directory and its lake. Takes two threads or as many as there are cores; they sleep until something is asked.
    ///
    /// # Errors
    /// [`SqlError`] when there is no journal or no thread.
    pub fn open(data_dir: &DataDir, lake: Lake, techniques: Arc<dyn Techniques>) -> Result<Self, SqlError> {
        let threads = available_parallelism().map_or(2, usize::from);
        let runtime = Builder::new_multi_thread().worker_threads(threads.max(2)).thread_name("agentsh-sql").enable_time().build();
        let runtime = runtime.map_err(|error| SqlError::Failed { what: format!("no threads can be started: {error}") })?;
        let journal = data_dir.journal();
        // What is no journal is said here, and not with the first question.
        ReaderStore::open(&journal)?;
        let lake = match lake {
            Lake::None => None,
            Lake::Folder(folder) => Some(LakeFiles::new(folder)),
        };
        let handle = runtime.handle().clone();
        let sources = Arc::new(Sources { journal, lake, techniques, threads });
        Ok(Self { sources, runtime: Some(runtime), handle })
    }

    /// The engine's threads, for [`Answer::wait`].
    #[must_use]
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The journal's file.
    #[must_use]
    pub fn journal(&self) -> &Path {
        &self.sources.journal
    }

    /// The catalog and the schema in which the tables stand: a table's full name begins with them.
    #[must_use]
    pub const fn home() -> (&'static str, &'static str) {
        (CATALOG, SCHEMA)
    }

    /// Asks, as of now.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn query(&self, question: &str, limits: Limits) -> Result<Answer, SqlError> {
        self.query_holding(question, limits, Box::new(())).await
    }

    /// Asks, as of now, and holds something until the work is over: at its end, at a bound, or when nobody waits any more.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn query_holding(&self, question: &str, limits: Limits, held: Held) -> Result<Answer, SqlError> {
        let deadline = Instant::now() + limits.time;
        let (sources, question, threads) = (Arc::clone(&self.sources), question.to_owned(), self.handle.clone());
        let starting = Task::start(&self.handle, async move {
            let statement = guard::read(&question, limits.memory)?;
            let context = sources.context(&question.to_lowercase(), limits)?;
            let failed = |error| SqlError::of(error, limits.memory);
            let plan = plan(&context, statement).await.map_err(failed)?;
            let physical = context.state().create_physical_plan(&plan).await.map_err(failed)?;
            let stream = execute_stream(physical, context.task_ctx()).map_err(failed)?;
            Ok(Answer::start(&threads, stream, limits, deadline, held))
        });
        timeout_at(deadline, starting).await.map_err(|_late| SqlError::Time { limit: limits.time })?
    }

    /// The columns of a question's answer, without asking it.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn columns_of(&self, question: &str, limits: Limits) -> Result<SchemaRef, SqlError> {
        let (sources, question) = (Arc::clone(&self.sources), question.to_owned());
        let planning = Task::start(&self.handle, async move {
            let statement = guard::read(&question, limits.memory)?;
            let context = sources.context(&question.to_lowercase(), limits)?;
            let plan = plan(&context, statement).await.map_err(|error| SqlError::of(error, limits.memory))?;
            Ok(Arc::clone(plan.schema().inner()))
        });
        timeout(limits.time, planning).await.map_err(|_late| SqlError::Time { limit: limits.time })?
    }

    /// What can be asked about.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn tables(&self) -> Result<Vec<TableInfo>, SqlError> {
        let events = TableInfo {
            name: EVENTS.to_owned(),
            about: "every event of the journal, one flat typed row for each".to_owned(),
            columns: columns(&table_schema()),
            kind: TableKind::Table,
            schema: table_schema(),
        };
        let mut tables = vec![events];
        for view in views() {
            let schema = self.columns_of(&view.text, Limits::default()).await?;
            let (name, about) = (view.name, view.about);
            tables.push(TableInfo { name, about, columns: columns(&schema), kind: TableKind::View, schema });
        }
        Ok(tables)
    }

    /// Functions of our own: how each is called, and what it gives.
    #[must_use]
    pub const fn functions() -> &'static [(&'static str, &'static str)] {
        FUNCTIONS
    }
}

impl Sources {
    /// What the planner needs for a question, as of now.
    fn context(&self, question: &str, limits: Limits) -> Result<SessionContext, SqlError> {
        let failed = |error| SqlError::of(error, limits.memory);
        let mut config = SessionConfig::new()
            .with_default_catalog_and_schema(CATALOG, SCHEMA)
            .with_information_schema(true)
            .with_target_partitions(self.threads);
        let options = config.options_mut();
        options.sql_parser.collect_spans = true;
        options.execution.parquet.pushdown_filters = true;
        options.execution.parquet.reorder_filters = true;
        options.explain.logical_plan_only = false;
        let environment = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(GreedyMemoryPool::new(limits.memory)))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
            .build_arc()
            .map_err(failed)?;
        let context = SessionContext::new_with_config_rt(config, environment);
        for function in functions(&self.techniques) {
            context.register_udf(function);
        }
        for unbounded in UNBOUNDED {
            context.deregister_udaf(unbounded);
        }
        let table = Arc::new(self.moment()?);
        context.register_table(EVENTS, table).map_err(failed)?;
        self.register_views(&context, question).map_err(failed)?;
        Ok(context)
    }

    /// The events as of now.
    fn moment(&self) -> Result<EventsTable, SqlError> {
        let store = ReaderStore::open(&self.journal)?;
        let head = store.head()?;
        let lake = match &self.lake {
            None => Snapshot::default(),
            Some(lake) => {
                let journal_id = store.meta("journal_id")?.unwrap_or_default();
                lake.snapshot(&journal_id, head, &table_schema())?
            }
        };
        Ok(EventsTable { journal: self.journal.clone(), head, lake, threads: self.threads })
    }

    /// The views that the question names, and all of them where it asks which there are.
    fn register_views(&self, context: &SessionContext, question: &str) -> Result<(), DataFusionError> {
        let asks_which = ["show", "information_schema", "describe"].iter().any(|word| question.contains(word));
        for view in views() {
            if asks_which || question.contains(&view.name) {
                let plan = futures_util::FutureExt::now_or_never(context.state().create_logical_plan(&view.text))
                    .unwrap_or_else(|| Err(DataFusionError::Internal(format!("the view {} waits for something", view.name))))?;
                context.register_table(view.name, Arc::new(ViewTable::new(plan, Some(view.text))))?;
            }
        }
        Ok(())
    }
}

async fn plan(context: &SessionContext, statement: Statement) -> Result<LogicalPlan, DataFusionError> {
    let state = context.state();
    let plan = state.statement_to_plan(statement).await?;
    guard::planning().verify_plan(&plan)?;
    if let Some(name) = plan.get_parameter_names()?.into_iter().min() {
        return plan_err!("the question has the parameter `{name}`, and no values are taken: write them into the question");
    }
    state.optimize(&plan)
}

impl Drop for Engine {
    /// Does not wait for work that is under way: whoever asked has gone.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
