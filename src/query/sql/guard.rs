//! What may be asked: one statement, which only reads.

use datafusion::execution::context::SQLOptions;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast;

use super::error::SqlError;

/// Characters of a question. A longer one is refused before it is looked at.
const LONGEST: usize = 256 * 1024;

/// Parentheses within parentheses, and the like.
const DEEPEST: usize = 64;

/// Reads the one statement of a text, if it is a question.
pub(super) fn read(text: &str, memory: usize) -> Result<Statement, SqlError> {
    if text.len() > LONGEST {
        let what = format!("the question has {} bytes; at most {LONGEST} are read", text.len());
        return Err(SqlError::Unanswerable { what, hint: None, line: 0, column: 0 });
    }
    let mut parser =
        DFParserBuilder::new(text).with_recursion_limit(DEEPEST).build().map_err(|error| SqlError::of(error, memory))?;
    let mut statements = parser.parse_statements().map_err(|error| SqlError::of(error, memory))?;
    let statement = match (statements.pop_front(), statements.pop_front()) {
        (None, _) => return Err(SqlError::Syntax { what: "there is nothing asked".to_owned(), line: 0, column: 0 }),
        (Some(_), Some(_)) => return Err(SqlError::NotAQuestion { what: "several statements: ask one at a time".to_owned() }),
        (Some(one), None) => one,
    };
    if asks(&statement) { Ok(statement) } else { Err(SqlError::NotAQuestion { what: first_words(&statement.to_string()) }) }
}

/// What the planner refuses besides: whatever of it stands deeper in a question.
pub(super) fn planning() -> SQLOptions {
    SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false)
}

fn asks(statement: &Statement) -> bool {
    match statement {
        Statement::Statement(statement) => match &**statement {
            ast::Statement::Query(query) => query.locks.is_empty(),
            ast::Statement::ShowTables { .. }
            | ast::Statement::ShowColumns { .. }
            | ast::Statement::ShowVariable { .. }
            | ast::Statement::ShowFunctions { .. }
            | ast::Statement::ExplainTable { .. } => true,
            _ => false,
        },
        Statement::Explain(explain) => asks(&explain.statement),
        _ => false,
    }
}

/// The statement's first words, in capitals: `DROP TABLE`.
fn first_words(text: &str) -> String {
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ").to_uppercase()
}
