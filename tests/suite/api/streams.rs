//! All events that match, as JSON lines and as Arrow: the same as the command line says, and without hold on memory.

use std::io::{Cursor, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use datafusion::arrow::array::{Array as _, UInt64Array};
use datafusion::arrow::ipc::reader::StreamReader;

use super::rig::{journal, record, serve};
use crate::run::support::AGENTSH;
use crate::support::{DEADLINE, until};

/// Filters as the command line has them, and as a query has them.
const FILTERS: &[(&[&str], &str)] = &[
    (&[], ""),
    (&["--kind", "file_open,process_exit"], "kind=file_open,process_exit"),
    (&["--kind", "file_open", "--kind", "net_connect"], "kind=file_open&kind=net_connect"),
    (&["--family", "network"], "family=network"),
    (&["--family", "file", "--kind", "process_exit"], "family=file&kind=process_exit"),
    (&["--path", "/home/dev/project/src"], "path=/home/dev/project/src"),
    (&["--path", "*module_1*.c"], "path=*module_1*.c"),
    (&["--host", "host-5.test"], "host=host-5.test"),
    (&["--command", "cc1"], "command=cc1"),
    (&["--pid", "4242"], "pid=4242"),
    (&["--pid", "1"], "pid=1"),
    (&["--text", "MODULE_3"], "text=MODULE_3"),
    (&["--text", "a b+c%d"], "text=a+b%2Bc%25d"),
    (&["--after", "20", "--limit", "7"], "after=20&limit=7"),
    (&["--session", "s-te", "--limit", "3"], "session=s-te&limit=3"),
    (&["--since", "2020-01-01T00:00:00Z", "--limit", "4"], "since=2020-01-01T00:00:00Z&limit=4"),
    (&["--until", "2020-01-01T00:00:00Z"], "until=2020-01-01T00:00:00Z"),
    (&["--decision", "deny"], "decision=deny"),
    (&["--technique", "T1552"], "technique=T1552"),
];

#[test]
fn a_query_and_the_command_line_give_the_same_bytes() {
    let (folder, journal) = journal();
    record(&journal, 90);
    let served = serve(folder.path());
    let mut some = 0;
    for (arguments, query) in FILTERS {
        let printed = Command::new(AGENTSH)
            .args(["events", "--format", "jsonl", "--data-dir"])
            .arg(folder.path())
            .args(*arguments)
            .env("TZ", "UTC")
            .output()
            .unwrap();
        assert!(printed.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&printed.stderr));
        let printed = String::from_utf8(printed.stdout).unwrap();
        assert_eq!(served.lines(&format!("/api/v1/events?{query}")), printed, "{query}");
        some += usize::from(!printed.is_empty());
    }
    assert!(some >= 12, "the filters find something: {some}");
    served.stop();
    journal.close().unwrap();
}

#[test]
fn an_expression_chooses_in_every_form() {
    let (folder, journal) = journal();
    record(&journal, 60);
    let served = serve(folder.path());
    let query = "/api/v1/events?where=kind+%3D%3D+%22net_connect%22";
    let lines = served.lines(query);
    assert_eq!(lines.lines().count(), 20);
    assert_eq!(served.get(query).seqs().len(), 20);
    assert!(lines.lines().all(|line| line.contains("\"kind\":\"net_connect\"")));
    served.stop();
    journal.close().unwrap();
}

#[test]
fn arrow_has_the_columns_of_the_lake_and_every_event() {
    let (folder, journal) = journal();
    record(&journal, 9000);
    let served = serve(folder.path());
    let answer = served.ask("GET", "/api/v1/events", &[("Accept", "application/vnd.apache.arrow.stream")]);
    assert_eq!(answer.status, 200);
    let reader = StreamReader::try_new(Cursor::new(answer.body), None).unwrap();
    assert_eq!(reader.schema(), agentsh::encode::arrow::schema());
    let mut seqs = Vec::new();
    for batch in reader {
        let batch = batch.unwrap();
        let column = batch.column_by_name("seq").unwrap();
        match column.as_any().downcast_ref::<UInt64Array>() {
            Some(column) => seqs.extend(column.values().iter().copied()),
            None => {
                let column = column.as_any().downcast_ref::<datafusion::arrow::array::Int64Array>().unwrap();
                seqs.extend(column.values().iter().map(|seq| u64::try_from(*seq).unwrap()));
            }
        }
    }
    let head = served.get("/api/v1/events?limit=1").json()["head"].as_u64().unwrap();
    assert_eq!(seqs, (1..=head).collect::<Vec<_>>());
    let few = served.ask("GET", "/api/v1/events?limit=3", &[("Accept", "application/vnd.apache.arrow.stream")]);
    let rows: usize = StreamReader::try_new(Cursor::new(few.body), None).unwrap().map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(rows, 3);
    served.stop();
    journal.close().unwrap();
}

#[test]
fn clients_that_go_away_give_their_turns_back() {
    let (folder, journal) = journal();
    record(&journal, 20_000);
    let served = serve(folder.path());
    // More than may read at a time; each takes the beginning of a body that is too large to wait anywhere, and goes.
    for _ in 0..12 {
        let mut stream = TcpStream::connect(served.addr).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        write!(stream, "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: application/x-ndjson\r\n\r\n").unwrap();
        stream.read_exact(&mut [0; 64]).unwrap();
    }
    until("others are answered", || served.get("/api/v1/events?limit=1").status == 200);
    served.stop();
    journal.close().unwrap();
}
