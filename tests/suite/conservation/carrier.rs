//! The sinks that the server's configuration has no second place for, in a process of their own: Parquet into a bucket, and a stream that
//! remembers ids only for a moment.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use agentsh::journal::DataDir;
use agentsh::runtime::units::Millis;
use agentsh::sink::nats::{NatsConfig, NatsSink};
use agentsh::sink::parquet::{ParquetConfig, ParquetDestination};
use agentsh::sink::{Deliverer, Delivery, DeliveryConfig, SelectionConfig};
use serde::{Deserialize, Serialize};

use crate::peers::s3_server::s3_config;

/// Names of the sinks.
pub const BUCKET: &str = "parquet-bucket";
pub const BRIEF: &str = "nats-brief";
/// The stream that remembers ids for a moment.
pub const BRIEF_STREAM: &str = "BRIEF";

/// What it delivers to, as far as it is there.
#[derive(Serialize, Deserialize)]
pub struct Order {
    pub root: PathBuf,
    pub bucket: Option<SocketAddr>,
    pub nats: Option<SocketAddr>,
    /// It ends in good order once this is there.
    pub stop: PathBuf,
}

pub fn run(order: &Order) {
    let data_dir = DataDir::at(&order.root);
    let delivery = || Delivery {
        data_dir: data_dir.clone(),
        config: DeliveryConfig {
            retry_initial: Millis::new(20),
            retry_max: Millis::new(500),
            cursor_interval: Millis::new(50),
            close_timeout: Millis::new(60_000),
            ..DeliveryConfig::default()
        },
        selection: SelectionConfig::default(),
        report: Arc::new(|_| {}),
        at: None,
    };
    let mut running = Vec::new();
    if let Some(addr) = order.bucket {
        let config = ParquetConfig {
            s3: Some(s3_config(&format!("http://{addr}"))),
            seal_rows: 20_000,
            seal_after: Millis::new(1_000),
            compact_files: 4,
            ..ParquetConfig::default()
        };
        running.push(Deliverer::start(BUCKET, ParquetDestination::new(config, data_dir.clone()), delivery()).unwrap());
    }
    if let Some(addr) = order.nats {
        let config = NatsConfig {
            servers: vec![format!("nats://{addr}")],
            subject_prefix: "brief".to_owned(),
            stream: BRIEF_STREAM.to_owned(),
            create_stream: true,
            stream_duplicate_window: Millis::new(100),
            ack_timeout: Millis::new(2_000),
            connect_timeout: Millis::new(2_000),
            ..NatsConfig::default()
        };
        running.push(Deliverer::start(BRIEF, NatsSink::new(config), delivery()).unwrap());
    }
    while !order.stop.exists() {
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
    for sink in running {
        assert!(sink.end());
    }
}
