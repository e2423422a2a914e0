//! Pages: each event once, whatever is written meanwhile, and cursors that are for one query.

use std::sync::atomic::{AtomicBool, Ordering};

use super::rig::{Served, journal, record, serve};
use crate::support::open_event;

/// Reads pages to the end.
fn pages(served: &Served, query: &str) -> Vec<u64> {
    let (mut seqs, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = served.get(&format!("/api/v1/events?{query}{cursor}"));
        assert_eq!(page.status, 200, "{}", page.text());
        seqs.extend(page.seqs());
        match page.json()["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return seqs,
        }
    }
}

#[test]
fn pages_give_each_event_once_while_others_write() {
    let (folder, journal) = journal();
    record(&journal, 600);
    let served = serve(folder.path());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                journal.channel().publish(&open_event(7));
                journal.flush();
            }
        });
        // It ends although more comes all the time, since each page ends at the head that it saw or at its limit.
        let before = served.get("/api/v1/events?limit=1").json()["head"].as_u64().unwrap();
        let ascending = pages(&served, &format!("limit=37&before={}", before + 1));
        let descending = pages(&served, "limit=41&order=desc");
        done.store(true, Ordering::Relaxed);
        assert_eq!(ascending, (1..=before).collect::<Vec<_>>());
        let newest = descending[0];
        assert!(newest >= before, "{newest} {before}");
        assert_eq!(descending, (1..=newest).rev().collect::<Vec<_>>());
    });
    served.stop();
    journal.close().unwrap();
}

#[test]
fn a_page_says_where_the_journal_ends_and_whether_there_is_more() {
    let (folder, journal) = journal();
    let served = serve(folder.path());
    record(&journal, 9);
    let head = served.get("/api/v1/events").json()["head"].as_u64().unwrap();
    let whole = served.get(&format!("/api/v1/events?limit={head}"));
    assert_eq!((whole.json()["next"].is_null(), whole.seqs().len() as u64), (true, head), "it ends where the journal does");
    let part = served.get(&format!("/api/v1/events?limit={}", head - 1));
    assert!(part.json()["next"].is_string());
    let behind = served.get(&format!("/api/v1/events?after={head}"));
    assert_eq!((behind.seqs().len(), behind.json()["next"].is_null()), (0, true));
    served.stop();
    journal.close().unwrap();
}

#[test]
fn a_cursor_is_refused_when_it_was_edited_or_is_another_querys() {
    let (folder, journal) = journal();
    record(&journal, 60);
    let served = serve(folder.path());
    let first = served.get("/api/v1/events?limit=5&family=file").json();
    let next = first["next"].as_str().unwrap();
    let check = |query: String, status: u16| {
        let answer = served.get(&format!("/api/v1/events?{query}"));
        assert_eq!(answer.status, status, "{query}: {}", answer.text());
        if status == 400 {
            assert_eq!(answer.json()["parameter"], "cursor", "{query}");
        }
    };
    check(format!("limit=5&family=file&cursor={next}"), 200);
    // How many is not part of the query.
    check(format!("limit=7&family=file&cursor={next}"), 200);
    for other in ["limit=5", "limit=5&family=network", "limit=5&family=file&order=desc", "limit=5&family=file&text=x"] {
        check(format!("{other}&cursor={next}"), 400);
    }
    for at in 0..next.len() {
        let mut edited = next.as_bytes().to_vec();
        edited[at] = if edited[at] == b'A' { b'B' } else { b'A' };
        // The last letter of 32 bytes carries two bits that mean nothing, which the decoder refuses too.
        check(format!("limit=5&family=file&cursor={}", String::from_utf8(edited).unwrap()), 400);
    }
    for bad in ["x", "%00", "AAAA", &next[1..], &format!("{next}A")] {
        let answer = served.get(&format!("/api/v1/events?limit=5&family=file&cursor={bad}"));
        assert_eq!(answer.status, 400, "{bad}");
    }
    served.stop();
    journal.close().unwrap();
}

#[test]
fn one_event_has_its_tag_and_never_changes() {
    let (folder, journal) = journal();
    record(&journal, 3);
    let served = serve(folder.path());
    let last = served.get("/api/v1/events?order=desc&limit=1").seqs()[0];
    let path = format!("/api/v1/events/{last}");
    let one = served.get(&path);
    assert_eq!((one.status, one.json()["event"]["seq"].as_u64(), one.json()["decision"].is_null()), (200, Some(last), true));
    let tag = one.header("etag").unwrap().to_owned();
    assert!(tag.starts_with('"') && one.header("cache-control").unwrap().contains("immutable"), "{}", one.head);
    let kept = served.ask("GET", &path, &[("If-None-Match", &tag)]);
    assert_eq!((kept.status, kept.body.len()), (304, 0));
    assert_eq!(served.ask("GET", &path, &[("If-None-Match", "\"other\"")]).status, 200);
    for (seq, status) in [("999999", 404), ("0", 400), ("-1", 400), ("x", 400), ("01", 400), ("18446744073709551616", 400)] {
        assert_eq!(served.get(&format!("/api/v1/events/{seq}")).status, status, "{seq}");
    }
    served.stop();
    journal.close().unwrap();
}
