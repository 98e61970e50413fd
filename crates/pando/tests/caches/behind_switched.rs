//! Key-values are written behind, and then not any more, again and again, under writers: none of
//! their requests fails, and no write is lost.

use crate::behind::wait_for;
use crate::behind_killed::start_process;
use crate::site::{Caller, cache_of};
use crate::support::Server;
use pando_cluster::Postgres;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const RULE: &str = "/admin/v1/caches/kv/carts";
const WRITERS: usize = 4;
/// How often it is switched on.
const TIMES: usize = 4;

/// Writes and reads a key of its own, each time in the next process, with the stamp of the last.
fn write(mut callers: Vec<Caller>, own: usize, is_over: &AtomicBool, written: &AtomicU64) {
    let path = format!("/kv/v1/carts/k{own}");
    let (mut n, mut turn, mut stamp) = (0, own, None);
    let mut next = |ask: &mut dyn FnMut(&mut Caller)| {
        turn = (turn + 1) % callers.len();
        let caller = &mut callers[turn];
        caller.stamp = stamp.take();
        ask(caller);
        stamp = caller.stamp.clone();
    };
    while !is_over.load(Ordering::SeqCst) {
        n += 1;
        next(&mut |caller| caller.write("PUT", &path, &n.to_string()));
        next(&mut |caller| assert_eq!(caller.read(&path), n.to_string()));
        n += 1;
        next(&mut |caller| caller.write("POST", &format!("{path}/incr"), ""));
        next(&mut |caller| assert_eq!(caller.read(&path), n.to_string()));
        written.fetch_add(1, Ordering::SeqCst);
    }
}

fn wait_until(server: &Server, state: Option<&str>) {
    wait_for(&format!("the journal is not {state:?}"), || {
        cache_of(server, "kv/carts")["journal"]["state"].as_str() == state
    });
}

/// Starts so many processes, and has the first switch it.
fn switch_under_writers(count: usize, url: Option<&str>) {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = "[cache.collections.\"kv/carts\"]\nstrategy = \"write-through\"\n\
                    [cache.journal]\nflush_interval = \"20ms\"\n";
    let start = |number: usize| start_process(folder.path(), number, url, settings);
    let servers: Vec<Server> = (0..count).map(start).collect();
    let is_over = Arc::new(AtomicBool::new(false));
    let written = Arc::new(AtomicU64::new(0));
    let writers: Vec<_> = (0..WRITERS)
        .map(|own| {
            let (is_over, written) = (Arc::clone(&is_over), Arc::clone(&written));
            let callers = servers.iter().map(Caller::new).collect();
            std::thread::spawn(move || write(callers, own, &is_over, &written))
        })
        .collect();
    let wait_for_some = || {
        let some = written.load(Ordering::SeqCst) + 10;
        wait_for("nothing is written", || {
            written.load(Ordering::SeqCst) >= some
        });
    };
    let mut admin = Caller::new(&servers[0]);
    for _ in 0..TIMES {
        wait_for_some();
        admin.write("PATCH", RULE, r#"{"strategy":"write-behind"}"#);
        wait_until(&servers[0], Some("on"));
        wait_for_some();
        admin.write("PATCH", RULE, r#"{"strategy":"write-through"}"#);
        wait_until(&servers[0], None);
    }
    is_over.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.join().expect("a writer");
    }
}

#[test]
fn it_is_switched_on_and_off_under_writers_and_no_write_is_lost_or_fails() {
    switch_under_writers(1, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_where_writers_go_from_one_process_over_postgresql_to_the_other() {
    let postgres = Postgres::builder().start().await.expect("start PostgreSQL");
    let url = format!("postgres://postgres@{}/postgres", postgres.address());
    let switched = tokio::task::spawn_blocking(move || switch_under_writers(2, Some(&url)));
    switched.await.expect("it ends");
    drop(postgres);
}
