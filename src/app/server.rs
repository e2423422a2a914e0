//! `agentsh server`: keeps the journal open and answers health and metrics until it is told to stop.

use std::sync::Arc;

use crate::capture::exec::{BlockedSignals, CommandHandle};
use crate::config::Config;
use crate::journal::{Journal, JournalError};
use crate::serve::http::{HttpError, HttpServer};
