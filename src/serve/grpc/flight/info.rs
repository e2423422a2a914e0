//! What this server is and can do, for those who ask with `GetSqlInfo`.

use arrow_flight::sql::metadata::SqlInfoDataBuilder;
use arrow_flight::sql::{
    CommandGetSqlInfo, SqlInfo, SqlNullOrdering, SqlOuterJoinsSupportLevel, SqlSupportedCaseSensitivity, SqlSupportedGroupBy,
    SqlSupportedSubqueries, SqlSupportedTransaction, SqlSupportedUnions, SupportedSqlGrammar,
};
use tonic::Status;

use crate::query::sql::{Batch, Engine};

/// Version of Arrow's libraries, which is that of the engine's.
const ARROW: &str = "59";

/// Bytes of a question.
const LONGEST: i64 = 256 * 1024;

pub(super) fn sql_info(asked: CommandGetSqlInfo) -> Result<Batch, Status> {
    let mut info = SqlInfoDataBuilder::new();
    let texts = [
        (SqlInfo::FlightSqlServerName, "agentsh"),
        (SqlInfo::FlightSqlServerVersion, env!("CARGO_PKG_VERSION")),
        (SqlInfo::FlightSqlServerArrowVersion, ARROW),
        (SqlInfo::SqlIdentifierQuoteChar, "\""),
        (SqlInfo::SqlSearchStringEscape, "\\"),
        (SqlInfo::SqlExtraNameCharacters, ""),
        (SqlInfo::SqlSchemaTerm, "schema"),
        (SqlInfo::SqlCatalogTerm, "catalog"),
        (SqlInfo::SqlProcedureTerm, ""),
    ];
    let has = [
        SqlInfo::FlightSqlServerReadOnly,
        SqlInfo::FlightSqlServerSql,
        SqlInfo::SqlAllTablesAreSelectable,
        SqlInfo::SqlSupportsColumnAliasing,
        SqlInfo::SqlNullPlusNullIsNull,
        SqlInfo::SqlSupportsTableCorrelationNames,
        SqlInfo::SqlSupportsExpressionsInOrderBy,
        SqlInfo::SqlSupportsOrderByUnrelated,
        SqlInfo::SqlSupportsNonNullableColumns,
        SqlInfo::SqlCatalogAtStart,
        SqlInfo::SqlCorrelatedSubqueriesSupported,
    ];
    let has_not = [
        SqlInfo::FlightSqlServerSubstrait,
        SqlInfo::FlightSqlServerCancel,
        SqlInfo::FlightSqlServerBulkIngestion,
        SqlInfo::FlightSqlServerIngestTransactionsSupported,
        SqlInfo::SqlDdlCatalog,
        SqlInfo::SqlDdlSchema,
        SqlInfo::SqlDdlTable,
        SqlInfo::SqlSupportsDifferentTableCorrelationNames,
        SqlInfo::SqlSupportsIntegrityEnhancementFacility,
        SqlInfo::SqlSelectForUpdateSupported,
        SqlInfo::SqlStoredProceduresSupported,
        SqlInfo::SqlTransactionsSupported,
        SqlInfo::SqlDataDefinitionCausesTransactionCommit,
        SqlInfo::SqlBatchUpdatesSupported,
        SqlInfo::SqlSavepointsSupported,
        SqlInfo::SqlNamedParametersSupported,
        SqlInfo::SqlLocatorsUpdateCopy,
    ];
    let words = [
        (SqlInfo::FlightSqlServerTransaction, SqlSupportedTransaction::None as i32),
        (SqlInfo::FlightSqlServerStatementTimeout, 0),
        (SqlInfo::FlightSqlServerTransactionTimeout, 0),
        (SqlInfo::SqlIdentifierCase, SqlSupportedCaseSensitivity::SqlCaseSensitivityLowercase as i32),
        (SqlInfo::SqlQuotedIdentifierCase, SqlSupportedCaseSensitivity::SqlCaseSensitivityUnknown as i32),
        (SqlInfo::SqlNullOrdering, SqlNullOrdering::SqlNullsSortedHigh as i32),
        (SqlInfo::SqlSupportedGroupBy, 1 << SqlSupportedGroupBy::SqlGroupByUnrelated as i32),
        (
            SqlInfo::SqlSupportedGrammar,
            1 << SupportedSqlGrammar::SqlMinimumGrammar as i32 | 1 << SupportedSqlGrammar::SqlCoreGrammar as i32,
        ),
        (SqlInfo::SqlOuterJoinsSupportLevel, 1 << SqlOuterJoinsSupportLevel::SqlFullOuterJoins as i32),
        (
            SqlInfo::SqlSupportedSubqueries,
            1 << SqlSupportedSubqueries::SqlSubqueriesInComparisons as i32
                | 1 << SqlSupportedSubqueries::SqlSubqueriesInExists as i32
                | 1 << SqlSupportedSubqueries::SqlSubqueriesInIns as i32,
        ),
        (SqlInfo::SqlSupportedUnions, 1 << SqlSupportedUnions::SqlUnion as i32 | 1 << SqlSupportedUnions::SqlUnionAll as i32),
    ];
    texts.into_iter().for_each(|(name, text)| info.append(name, text));
    has.into_iter().for_each(|name| info.append(name, true));
    has_not.into_iter().for_each(|name| info.append(name, false));
    words.into_iter().for_each(|(name, word)| info.append(name, word));
    info.append(SqlInfo::SqlMaxStatementLength, LONGEST);
    let own: Vec<String> = Engine::functions().iter().map(|(call, _)| function(call)).collect();
    info.append(SqlInfo::SqlSystemFunctions, own);
    let known = info.build().map_err(Status::from)?;
    asked.into_builder(&known).build().map_err(Status::from)
}

/// The name in `name(arguments)`.
fn function(call: &str) -> String {
    call.split('(').next().unwrap_or(call).to_owned()
}
