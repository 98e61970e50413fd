//! What several web processes share by Redis: one of all loads a key, and the others are given it.

use crate::several::{PROCESSES, Several};
use crate::site::{Caller, Site, cache_of, wait_until_following};
use crate::support::{Server, run, text};
use crate::warming::wait_until_warm;
use pando_cluster::{Redis, until};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const TABLE: &str = "create table reviews (id bigint primary key, stars int) \
                     with (cache = 'read-through', ttl = '1h');";
/// So many ask for one key at the same time.
const CROWD: usize = 10_000;
const QUESTION: &str = "/rest/v1/reviews?id=eq.1";

async fn start(redis: &Redis) -> Several {
    let more = "[limits]\nmax_requests = 8000\nheader_timeout = \"2m\"\n";
    // A crowd of ten thousand on two cores keeps everything else waiting.
    let settings = format!(
        "{more}[cache]\nredis = \"{}\"\nredis_timeout = \"60s\"\nload_patience = \"90s\"\n",
        redis.url()
    );
    Several::start(TABLE, &settings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_has_loaded_the_others_take_from_redis() {
    let redis = Redis::builder().start().await.expect("start Redis");
    let site = start(&redis).await;
    let body = r#"[{"id":1,"stars":5},{"id":2,"stars":4}]"#;
    let mut first = Caller::new(&site.processes[0]);
    first.write("POST", "/rest/v1/reviews", body);
    for (n, process) in site.processes.iter().enumerate() {
        let mut caller = Caller::new(process);
        for _ in 0..2 {
            assert!(caller.read(QUESTION).contains("\"stars\":5"), "process {n}");
        }
    }
    assert_eq!(site.count("rest/reviews", "loads"), 1);
    assert_eq!(site.count("rest/reviews", "shared_hits"), 2);
    // A change is seen by all, whatever lies there.
    first.write("PATCH", QUESTION, r#"{"stars":1}"#);
    let stamp = first.stamp.clone();
    for process in &site.processes {
        let mut caller = Caller::new(process);
        caller.stamp = stamp.clone();
        assert!(caller.read(QUESTION).contains("\"stars\":1"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_thousand_who_miss_one_key_on_three_processes_one_loads() {
    let redis = Redis::builder().start().await.expect("start Redis");
    let site = start(&redis).await;
    let mut first = Caller::new(&site.processes[0]);
    first.write("POST", "/rest/v1/reviews", r#"{"id":1,"stars":5}"#);
    // Everybody is connected before anybody asks.
    let mut crowd = Vec::with_capacity(CROWD);
    for n in 0..CROWD {
        let address = site.processes[n % PROCESSES].address;
        crowd.push(TcpStream::connect(address).await.expect("a connection"));
    }
    let asked = crowd.into_iter().map(|mut connection| {
        tokio::spawn(async move {
            let host = connection.peer_addr().expect("it is connected");
            let question =
                format!("GET {QUESTION} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            let sent = connection.write_all(question.as_bytes()).await;
            sent.expect("it is sent");
            let mut answer = String::new();
            let read = connection.read_to_string(&mut answer).await;
            read.expect("it is answered");
            answer
        })
    });
    for answer in asked.collect::<Vec<_>>() {
        let answer = answer.await.expect("somebody asks");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.ends_with("[{\"id\":1,\"stars\":5}]"), "{answer}");
    }
    let told = site.processes.iter().map(|at| cache_of(at, "rest/reviews"));
    let told: Vec<_> = told.collect();
    assert_eq!(site.count("rest/reviews", "loads"), 1, "{told:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_each_process_answers_by_itself_and_says_so() {
    let redis = Redis::builder().start().await.expect("start Redis");
    let site = start(&redis).await;
    let mut caller = Caller::new(&site.processes[0]);
    let state = |caller: &mut Caller| {
        let told = caller.ask("GET", "/admin/v1/caches", "").json();
        told["shared"].as_str().map(str::to_owned)
    };
    assert_eq!(state(&mut caller).as_deref(), Some("asked"));
    caller.write("POST", "/rest/v1/reviews", r#"{"id":1,"stars":5}"#);
    redis.kill().await.expect("Redis runs");
    let began = std::time::Instant::now();
    let mut n = 0;
    while state(&mut caller).as_deref() != Some("left alone") {
        assert!(
            began.elapsed().as_secs() < 20,
            "it is asked in vain all the time"
        );
        n += 1;
        // Each is another question, which nobody has asked before.
        let read = caller.read(&format!("{QUESTION}&stars=lt.{}", 100 + n));
        assert!(read.contains("\"stars\":5"), "{read}");
    }
    redis.start().await.expect("Redis starts");
    while state(&mut caller).as_deref() != Some("asked") {
        assert!(began.elapsed().as_secs() < 60, "it is not asked again");
        n += 1;
        caller.read(&format!("{QUESTION}&stars=lt.{}", 100 + n));
    }
}

/// The data of a folder, as it would be copied while nobody serves it.
fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args([from, to])
        .status();
    assert!(copied.expect("cp(1)").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_put_back_is_not_answered_for_by_what_its_successor_left_in_redis() {
    let redis = Redis::builder().start().await.expect("start Redis");
    let settings = format!(
        "[cache]\nredis = \"{}\"\nredis_timeout = \"10s\"\n\
         [cache.collections.\"rest/reviews\"]\nttl = \"1h\"\n",
        redis.url()
    );
    let Site { server, folder } = Site::start(&settings);
    let (data, kept) = (folder.path().join("data"), folder.path().join("kept"));
    Caller::new(&server).write("POST", "/rest/v1/reviews", r#"{"id":1,"stars":1}"#);
    let end = |server: Server| {
        server.signal("-TERM");
        assert_eq!(server.wait(), Some(0));
    };
    let start = || {
        let server = Server::start(folder.path());
        wait_until_following(&server);
        server
    };
    end(server);
    copy(&data, &kept);
    // It goes on, and shares what is not in the copy.
    let server = start();
    let mut caller = Caller::new(&server);
    caller.write("PATCH", QUESTION, r#"{"stars":2}"#);
    assert!(caller.read(QUESTION).contains("\"stars\":2"));
    let lies_there = until(
        "something at Redis",
        Duration::from_secs(20),
        async || match redis.cli(&["dbsize"]).await.as_deref() {
            Ok("0") => Err("nothing lies there".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        },
    );
    lies_there.await.expect("it is shared");
    end(server);
    copy(&kept, &data);
    let server = start();
    let read = Caller::new(&server).read(QUESTION);
    assert!(
        read.contains("\"stars\":1"),
        "of a time that never was: {read}"
    );
    let cache = cache_of(&server, "rest/reviews");
    assert_eq!(cache["shared_hits"], 0, "{cache}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_flush_no_process_answers_with_what_was_kept_before_nor_takes_it_from_redis() {
    let redis = Redis::builder().start().await.expect("start Redis");
    let site = start(&redis).await;
    let mut first = Caller::new(&site.processes[0]);
    first.write("POST", "/rest/v1/reviews", r#"{"id":1,"stars":5}"#);
    let read_by_all = || {
        for process in &site.processes {
            let mut caller = Caller::new(process);
            assert!(caller.read(QUESTION).contains("\"stars\":5"));
        }
    };
    read_by_all();
    assert_eq!(site.count("rest/reviews", "loads"), 1);
    assert_eq!(site.count("rest/reviews", "shared_hits"), 2);
    for (loads, path) in [
        (2, "/admin/v1/caches/rest/reviews/flush"),
        (3, "/admin/v1/caches/flush"),
    ] {
        assert_eq!(first.ask("POST", path, "").status, 204);
        // This process has done so, and the others hear of it.
        let own = cache_of(&site.processes[0], "rest/reviews");
        assert_eq!(own["entries"], 0, "{own}");
        let began = Instant::now();
        while site.count("rest/reviews", "entries") > 0 {
            assert!(began.elapsed().as_secs() < 10, "somebody keeps it");
        }
        // Nobody takes the old record; one loads, and the others take the new one.
        let shared = site.count("rest/reviews", "shared_hits");
        read_by_all();
        assert_eq!(site.count("rest/reviews", "loads"), loads, "{path}");
        assert_eq!(
            site.count("rest/reviews", "shared_hits"),
            shared + 2,
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_processes_warm_after_a_flush_and_one_of_them_loads() {
    let redis = Redis::builder().start().await.expect("start Redis");
    let site = start(&redis).await;
    let mut first = Caller::new(&site.processes[0]);
    for id in 1..=20 {
        first.write(
            "POST",
            "/rest/v1/reviews",
            &format!("{{\"id\":{id},\"stars\":5}}"),
        );
    }
    let path = "/admin/v1/caches/rest/reviews";
    let changed = first.ask("PATCH", path, r#"{"warm":"order=id&limit=20"}"#);
    assert_eq!(changed.status, 200, "{changed:?}");
    for process in &site.processes {
        wait_until_warm(process, "rest/reviews", 20);
    }
    let before = site.count("rest/reviews", "loads");
    assert_eq!(first.ask("POST", &format!("{path}/flush"), "").status, 204);
    for process in &site.processes {
        wait_until_warm(process, "rest/reviews", 40);
    }
    // Each row and the list, once, whoever did. The list of the keys alone is kept by nobody.
    assert_eq!(site.count("rest/reviews", "loads") - before, 21);
    for process in &site.processes {
        let hits = cache_of(process, "rest/reviews")["hits"].as_u64();
        Caller::new(process).read("/rest/v1/reviews?id=eq.20");
        let after = cache_of(process, "rest/reviews")["hits"].as_u64();
        assert_eq!(after, hits.map(|hits| hits + 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn how_redis_does_is_told_where_nobody_asks_anything() {
    let redis = Redis::builder().start().await.expect("start Redis");
    let rules = "[cache.collections.\"kv/carts\"]\n";
    let site = Site::start(&format!("[cache]\nredis = \"{}\"\n{rules}", redis.url()));
    let mut caller = Caller::new(&site.server);
    let mut until = |wanted: &str| {
        let began = Instant::now();
        while caller.ask("GET", "/admin/v1/caches", "").json()["shared"] != wanted {
            assert!(began.elapsed().as_secs() < 30, "it is not told as {wanted}");
        }
    };
    let told = |command: &str| text(&run(site.folder.path(), &[command]).stdout);
    until("asked");
    assert!(told("status").contains("it answers"), "{}", told("status"));
    let doctor = told("doctor");
    assert!(doctor.contains("redis"), "{doctor}");
    assert!(
        !doctor.contains("each process has its own cache"),
        "{doctor}"
    );
    redis.kill().await.expect("Redis runs");
    until("silent");
    for command in ["status", "doctor"] {
        let told = told(command);
        assert!(told.contains("each process has its own cache"), "{told}");
    }
    redis.start().await.expect("Redis starts");
    until("asked");
}
