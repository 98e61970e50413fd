//! Queues that an operator moves to a broker and back, while they are used.

use crate::site::{Site, leases};
use crate::support::{Server, json, refused};
use pando_cluster::Nats;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const QUEUE: &str = "mail";

/// Publishes 0, 1, 2 and so on under one ordering key, until it is over; how many.
fn produce(server: &Server, is_over: &AtomicBool) -> usize {
    let mut connection = server.connect();
    let mut count = 0;
    while !is_over.load(Ordering::Acquire) {
        let body = json!({ "body": count, "ordering_key": "k" }).to_string();
        let path = format!("/queue/v1/{QUEUE}/messages");
        let answer = connection.ask("POST", &path, "", &body);
        assert_eq!(answer.status, 201, "{answer:?}");
        count += 1;
    }
    count
}

/// Leases and acknowledges until so many messages have come; their bodies, as they came. `count` is
/// the largest number there is until it is known.
fn consume(server: &Server, count: &AtomicUsize) -> Vec<Value> {
    let mut connection = server.connect();
    let mut came = Vec::new();
    while came.len() < count.load(Ordering::Acquire) {
        let body = json!({ "max": 10, "wait": "200ms" }).to_string();
        let path = format!("/queue/v1/{QUEUE}/lease");
        let leased = connection.ask("POST", &path, "", &body);
        assert_eq!(leased.status, 200, "{leased:?}");
        let messages = leased.json()["messages"].as_array().expect("them").clone();
        if messages.is_empty() {
            continue;
        }
        let path = format!("/queue/v1/{QUEUE}/ack");
        let acked = connection.ask("POST", &path, "", &leases(&messages).to_string());
        assert_eq!(acked.json()["acked"], messages.len(), "{acked:?}");
        came.extend(messages.iter().map(|message| message["body"].clone()));
    }
    came
}

fn home(folder: &Path, queue: &str) -> (Value, Value) {
    let listed = json(folder, &["queue", "list"]);
    let queues = listed["queues"].as_array().expect("queues").iter();
    let mut found = queues.filter(|one| one["name"] == queue);
    let found = found.next().expect("it is listed");
    (found["home"].clone(), found["wanted"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_moved_to_a_broker_and_back_while_it_is_used_gives_each_message_once_in_order()
 {
    let nats = Nats::builder().start().await.expect("NATS");
    let url = nats.url();
    tokio::task::block_in_place(|| {
        let config = format!(
            "[queue]\nengine = \"{url}\"\n[queues.{QUEUE}]\nordered = true\n\
             [queues.fixed]\nengine = \"broker\"\n"
        );
        let mut site = Site::of(&config);
        let (is_over, count) = (AtomicBool::new(false), AtomicUsize::new(usize::MAX));
        let (published, came) = std::thread::scope(|scope| {
            let server = &site.server;
            let consumer = scope.spawn(|| consume(server, &count));
            let producer = scope.spawn(|| produce(server, &is_over));
            for to in ["store", "broker", "store"] {
                let moved = json(site.folder(), &["queue", "move", QUEUE, "--to", to]);
                assert_eq!(
                    moved,
                    json!({ "name": QUEUE, "home": to, "wanted": to }),
                    "to {to}"
                );
            }
            is_over.store(true, Ordering::Release);
            let published = producer.join().expect("it published");
            count.store(published, Ordering::Release);
            (published, consumer.join().expect("it leased"))
        });
        assert!(published > 0);
        let expected: Vec<Value> = (0..published).map(|number| json!(number)).collect();
        assert_eq!(came, expected);
        // Others stay where the configuration has them, and a restart changes nothing.
        let both = |place: &str| (json!(place), json!(place));
        assert_eq!(home(site.folder(), "fixed"), both("broker"));
        site = Site::again(site.stop());
        assert_eq!(home(site.folder(), QUEUE), both("store"));
        let fixed = ["queue", "move", "fixed", "--to", "store"];
        let error = refused(site.folder(), &fixed, 1);
        assert!(error.contains("engine of [queues.fixed]"), "{error}");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_waits_until_what_the_last_one_left_behind_is_done() {
    let nats = Nats::builder().start().await.expect("NATS");
    let url = nats.url();
    tokio::task::block_in_place(|| {
        let config = format!("[queue]\nengine = \"{url}\"\n[queues.{QUEUE}]\n");
        let site = Site::of(&config);
        let to = |place, more: &[&str]| {
            let args = ["queue", "move", QUEUE, "--to", place];
            json(site.folder(), &[&args, more].concat())["home"].clone()
        };
        assert_eq!(to("store", &[]), "store");
        site.publish(QUEUE, &json!([{ "body": 1 }, { "body": 2 }]));
        assert_eq!(to("broker", &[]), "broker");
        assert_eq!(to("store", &["--wait", "0s"]), "broker");
        assert_eq!(
            home(site.folder(), QUEUE),
            (json!("broker"), json!("store"))
        );
        let impatient = ["queue", "move", QUEUE, "--to", "store", "--wait", "1s"];
        let error = refused(site.folder(), &impatient, 1);
        assert!(error.contains("pando queue list"), "{error}");
        let left = site.lease(QUEUE, &json!({ "max": 9 }));
        assert_eq!(left.len(), 2, "{left:?}");
        site.post(&format!("{QUEUE}/ack"), &leases(&left));
        assert_eq!(to("store", &[]), "store");
    });
}

#[test]
fn without_a_broker_nothing_is_moved_and_it_is_said_how_to_name_one() {
    let site = Site::start();
    let error = refused(site.folder(), &["queue", "move", "q", "--to", "broker"], 1);
    assert!(error.contains("[queue] engine"), "{error}");
    let folder = site.stop();
    let error = refused(folder.path(), &["queue", "move", "q", "--to", "broker"], 1);
    assert!(error.contains("[queue] engine"), "{error}");
    refused(folder.path(), &["queue", "move", "q", "--to", "moon"], 2);
}
