//! Several calls at once.

use crate::world::World;
use pando_client::{Direction, ErrorKind, Hop, column};
use serde_json::{Value, json};

#[tokio::test]
async fn calls_of_several_models_are_done_together_and_answered_by_type() {
    let world = World::new().await;
    let client = world.client();
    let (kv, films) = (client.kv("s/x"), client.table("films"));
    let mut tx = client.transaction();
    let bytes = tx.add(kv.put("bytes", vec![0, 255])).expect("added");
    let json = tx.add(kv.put_json("json", &json!(["글"]))).expect("added");
    let text = tx
        .add(kv.put("text", "글").content_type("text/plain"))
        .expect("added");
    let empty = tx.add(kv.put("empty", "")).expect("added");
    let counted = tx.add(kv.incr("n", 3)).expect("added");
    let row = json!({ "id": 1, "title": "괴물" });
    let inserted = tx
        .add(films.insert(&row).returning::<Value>("id,title"))
        .expect("added");
    let read_bytes = tx.add(kv.get("bytes")).expect("added");
    let read_json = tx.add(kv.get_json::<Value>("json")).expect("added");
    let read_text = tx.add(kv.get("text")).expect("added");
    let read_empty = tx.add(kv.get("empty")).expect("added");
    let absent = tx.add(kv.get("absent")).expect("added");
    let rows = tx.add(
        films
            .select("id")
            .filter(column("title").eq("괴물"))
            .rows::<Value>(),
    );
    let mut done = tx.send().await.expect("all of it");
    for put in [bytes, json, text, empty] {
        assert!(done.take(put).expect("an answer").created);
    }
    assert_eq!(done.take(counted).expect("an answer").value, 3);
    assert_eq!(done.take(inserted).expect("an answer"), [row]);
    let entry = |entry: Option<pando_client::Entry>| entry.expect("it is there").value;
    assert_eq!(
        entry(done.take(read_bytes).expect("an answer")),
        &[0, 255][..]
    );
    assert_eq!(
        done.take(read_json).expect("an answer"),
        Some(json!(["글"]))
    );
    assert_eq!(entry(done.take(read_text).expect("an answer")), "글");
    assert_eq!(entry(done.take(read_empty).expect("an answer")), "");
    assert_eq!(done.take(absent).expect("an answer"), None);
    assert_eq!(
        done.take(rows.expect("added")).expect("an answer"),
        [json!({ "id": 1 })]
    );
    assert!(!done.stamp_lost && !done.replayed);
}

#[tokio::test]
async fn one_failure_takes_all_back_and_says_whose_it_was() {
    let world = World::new().await;
    let client = world.client();
    let kv = client.kv("s");
    kv.put("there", "v").await.expect("it is put");
    let mut tx = client.transaction();
    tx.add(kv.put("new", "v")).expect("added");
    tx.add(kv.put("there", "w").if_absent()).expect("added");
    let error = tx.send().await.err().expect("it is there");
    assert_eq!(
        (error.kind(), error.op()),
        (ErrorKind::PreconditionFailed, Some(1)),
        "{error:?}"
    );
    assert_eq!(kv.get("new").await.expect("it is read"), None);
    let empty = client
        .transaction()
        .send()
        .await
        .err()
        .expect("nothing to do");
    assert_eq!(empty.kind(), ErrorKind::Refused);
    let mut far = client.transaction().within_slot();
    far.add(kv.put("a", "v")).expect("added");
    far.add(client.kv("t").put("b", "v")).expect("added");
    assert_eq!(
        far.send().await.err().expect("two slots").code(),
        "not_within_slot"
    );
}

#[tokio::test]
async fn a_place_is_its_own_transaction_s_and_taken_once() {
    let world = World::new().await;
    let client = world.client();
    let mut one = client
        .transaction()
        .serializable()
        .idempotency_key("the-same");
    let first = one.add(client.kv("s").incr("n", 1)).expect("added");
    let mut other = client.transaction();
    other.add(client.kv("s").get("n")).expect("added");
    let mut done = other.send().await.expect("it is done");
    assert_eq!(
        done.take(first).expect_err("another's").kind(),
        ErrorKind::Usage
    );
    let mut again = client
        .transaction()
        .serializable()
        .idempotency_key("the-same");
    let place = again.add(client.kv("s").incr("n", 1)).expect("added");
    assert!(!one.send().await.expect("it is done").replayed);
    let mut done = again.send().await.expect("it was done");
    assert!(done.replayed);
    assert_eq!(done.take(place).expect("an answer").value, 1);
}

#[tokio::test]
async fn every_model_takes_part_and_is_answered_by_type() {
    let world = World::new().await;
    let client = world.client();
    let (notes, graph) = (client.docs("notes"), client.graph("g"));
    let hours = client.wide("weather").partition("JFK");
    let mut tx = client.transaction();
    let document = json!({ "글": [1.5] });
    let inserted = tx.add(notes.insert(&document)).expect("added");
    let put = tx.add(notes.put("n/1", &document)).expect("added");
    let patch = json!({ "n": 1 });
    let merged = tx
        .add(notes.merge::<_, Value>("n/1", &patch))
        .expect("added");
    let cells = json!({ "obs:temp": 10 });
    tx.add(hours.put("010", &cells).at("1000000"))
        .expect("added");
    let row = tx.add(hours.get("010").versions(2)).expect("added");
    for id in ["a", "나"] {
        tx.add(graph.put_node(id, "k", &json!({}))).expect("added");
    }
    let edge = tx.add(graph.put_edge("a", "to", "나", &json!({ "at": 7 })));
    let degree = tx.add(graph.edges("나", "to").incoming().count());
    let path = tx.add(graph.path_between("a", "나", &[], 3));
    let hop = [Hop::along("to", Direction::Out)];
    let reached = tx.add(graph.traverse::<Value>(&["a"], &hop));
    let found = tx.add(notes.find().filter(column("n").eq(1)).rows::<Value>());
    let absent = tx.add(notes.get::<Value>("none"));
    let deleted = tx.add(graph.delete_edge("a", "to", "나"));
    let mut done = tx.send().await.expect("all of it");
    let inserted = done.take(inserted).expect("an answer");
    assert!(inserted.created && !inserted.id.is_empty());
    assert!(done.take(put).expect("an answer").created);
    let merged = done.take(merged).expect("an answer").body;
    assert_eq!(merged, json!({ "_id": "n/1", "글": [1.5], "n": 1 }));
    let row = done.take(row).expect("an answer").expect("it is there");
    let version = json!([{ "at": "1970-01-01T00:00:01Z", "value": 10 }]);
    assert_eq!(row.cells["obs:temp"], version);
    assert!(done.take(edge.expect("added")).expect("an answer").created);
    assert_eq!(done.take(degree.expect("added")).expect("an answer"), 1);
    let path = done.take(path.expect("added")).expect("an answer");
    assert_eq!(path.expect("there is one").hops, 1);
    let reached = done.take(reached.expect("added")).expect("an answer");
    assert_eq!(reached.items[0].id, "나");
    assert_eq!(
        done.take(found.expect("added")).expect("an answer"),
        [merged]
    );
    assert_eq!(done.take(absent.expect("added")).expect("an answer"), None);
    assert!(done.take(deleted.expect("added")).expect("an answer"));
    let mut gone = client.transaction();
    gone.add(notes.put("n/2", &document)).expect("added");
    gone.add(notes.delete("none")).expect("added");
    let error = gone.send().await.err().expect("there is nothing to delete");
    assert_eq!((error.kind(), error.op()), (ErrorKind::NotFound, Some(1)));
    let read = notes.get::<Value>(&inserted.id).await.expect("it is read");
    assert_eq!(read.expect("it is there").etag, inserted.etag);
}
