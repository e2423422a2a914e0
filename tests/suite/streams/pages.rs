//! Query: pages of events.

use agentsh::encode::proto::QueryRequest;
use tonic::Code;

use super::rig::*;

#[test]
fn pages_follow_each_other_without_gap_or_repeat() {
    let dir = tempfile::tempdir().unwrap();
    let journal = recorded(dir.path(), 250);
    let last = journal.head();
    let served = serve(dir.path());
    block_on(async {
        let mut client = served.client().await;
        let (mut seen, mut after_seq, mut pages) = (Vec::new(), 0, 0);
        loop {
            let page = client.query(QueryRequest { after_seq, limit: 40, ..QueryRequest::default() }).await.unwrap().into_inner();
            assert_eq!(page.head_seq, last);
            seen.extend(numbers(&page.events));
            pages += 1;
            match page.next_after_seq {
                Some(next) => after_seq = next,
                None => break,
            }
        }
        assert_eq!(seen, (1..=last).collect::<Vec<_>>());
        assert_eq!(pages, last.div_ceil(40));
        let newest = QueryRequest { newest: true, limit: 3, ..QueryRequest::default() };
        let page = client.query(newest).await.unwrap().into_inner();
        assert_eq!((numbers(&page.events), page.next_after_seq), ((last - 2..=last).collect(), None));
        let behind = client.query(QueryRequest { after_seq: last + 5, ..QueryRequest::default() }).await.unwrap().into_inner();
        assert!(behind.events.is_empty());
        let large = client.query(QueryRequest { limit: 1_000_000, ..QueryRequest::default() }).await.unwrap_err();
        is(&large, Code::InvalidArgument, &["limit", "1000000"]);
    });
}
