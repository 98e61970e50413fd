//! What is there of a writer's things, read from all five models in one `/tx/v1`.

use crate::support::Connection;
use pando_workload::{
    COLLECTION, COUNTER, GRAPH, HUBS, KINDS, Names, SPACE, SPACE_OF_ALL, Shared, TABLE, View, WIDE,
};
use serde_json::{Value, json};

/// Makes things of what a read was answered.
type Read = Box<dyn Fn(&Value) -> Vec<(String, Value)>>;

/// A writer's things.
pub fn view(connection: &mut Connection, names: Names) -> View {
    let (paths, reads): (Vec<String>, Vec<Read>) = reads(names).into_iter().unzip();
    let bodies = get_all(connection, &paths);
    let things = reads.iter().zip(&bodies);
    things
        .filter_map(|(read, body)| Some(read(body.as_ref()?)))
        .flatten()
        .collect()
}

/// What all writers share: the counter, and the degrees of the hubs.
pub fn shared(connection: &mut Connection) -> Shared {
    let mut shared = Shared::default();
    let mut paths = vec![format!("/kv/v1/{SPACE_OF_ALL}/{COUNTER}")];
    let mut names = Vec::new();
    for hub in HUBS {
        for kind in KINDS {
            paths.push(format!("{}/edges/{kind}/count?direction=in", node(hub)));
            names.push((hub.to_owned(), kind.to_owned()));
        }
    }
    let bodies = get_all(connection, &paths);
    let (counter, counts) = bodies.split_first().expect("the counter");
    if let Some(counter) = counter {
        shared.counted = number(counter).as_u64().expect("a number");
    }
    for (name, count) in names.into_iter().zip(counts) {
        let count = count.as_ref().and_then(|body| body["count"].as_u64());
        shared.degrees.insert(name, count.expect("a count"));
    }
    shared
}

/// The bodies that are there, all as of one moment.
fn get_all(connection: &mut Connection, paths: &[String]) -> Vec<Option<Value>> {
    let ops = paths.iter();
    let ops: Vec<Value> = ops
        .map(|path| json!({ "method": "GET", "path": path }))
        .collect();
    let body = json!({ "ops": ops }).to_string();
    let answer = connection.ask("POST", "/tx/v1", "", &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    let answers = answer.json();
    let answers = answers.as_array().expect("a list").iter();
    answers
        .map(|one| match one["status"].as_u64() {
            Some(200) => Some(one["body"].clone()),
            Some(404) => None,
            _ => panic!("{one}"),
        })
        .collect()
}

fn reads(names: Names) -> Vec<(String, Read)> {
    let mut reads: Vec<(String, Read)> = vec![
        (
            format!("/rest/v1/{TABLE}?writer=eq.{}", names.0),
            Box::new(|rows| {
                let rows = list(rows).iter();
                rows.map(|row| (format!("row {}", row["id"]), row["value"].clone()))
                    .collect()
            }),
        ),
        (
            format!("/docs/v1/{COLLECTION}?search={}", names.own()),
            Box::new(|found| {
                let found = list(found).iter();
                found
                    .map(|one| (format!("found {}", text(&one["_id"])), json!(true)))
                    .collect()
            }),
        ),
        (format!("/wide/v1/{WIDE}/{}", names.own()), Box::new(cells)),
        value(COUNTER.to_owned(), &names.counter()),
    ];
    for thing in names.things() {
        reads.push(value(format!("key {thing}"), &thing));
        let name = format!("document {thing}");
        let document = move |body: &Value| {
            let mut document = body.clone();
            document.as_object_mut().expect("an object").remove("_id");
            vec![(name.clone(), document)]
        };
        let path = format!("/docs/v1/{COLLECTION}/{thing}");
        reads.push((path, Box::new(document)));
        let name = format!("node {thing}");
        let body = move |node: &Value| vec![(name.clone(), node["body"].clone())];
        reads.push((node(&thing), Box::new(body)));
        for kind in KINDS {
            for direction in ["out", "in"] {
                reads.push(edges(names, &thing, kind, direction));
                reads.push(degree(&thing, kind, direction));
            }
        }
    }
    for hub in HUBS {
        reads.extend(KINDS.map(|kind| edges(names, hub, kind, "in")));
    }
    reads
}

fn value(name: String, key: &str) -> (String, Read) {
    let read = move |body: &Value| vec![(name.clone(), number(body))];
    (format!("/kv/v1/{SPACE}/{key}"), Box::new(read))
}

fn cells(slice: &Value) -> Vec<(String, Value)> {
    let mut cells = Vec::new();
    for row in list(&slice["rows"]) {
        for (column, value) in row["cells"].as_object().expect("cells") {
            let name = format!("cell {} {column}", text(&row["row"]));
            cells.push((name, value.clone()));
        }
    }
    cells
}

/// The edges of a node that are the writer's, as one of their ends shows them.
fn edges(names: Names, id: &str, kind: &str, direction: &'static str) -> (String, Read) {
    let path = format!("{}/edges/{kind}?direction={direction}", node(id));
    let read = move |page: &Value| {
        let sort = if direction == "out" {
            "edge"
        } else {
            "inverse"
        };
        let edges = list(&page["edges"]).iter();
        edges
            .filter(|edge| names.owns(text(&edge["from"])))
            .map(|edge| {
                let [from, kind, to] = ["from", "kind", "to"].map(|end| text(&edge[end]));
                let at = microseconds(text(&edge["at"]));
                (
                    format!("{sort} {from} {kind} {to}"),
                    json!([at, edge["body"]]),
                )
            })
            .collect()
    };
    (path, Box::new(read))
}

fn degree(id: &str, kind: &str, direction: &str) -> (String, Read) {
    let name = format!("degree {direction} {id} {kind}");
    let path = format!("{}/edges/{kind}/count?direction={direction}", node(id));
    let read = move |body: &Value| match &body["count"] {
        count if *count == json!(0) => Vec::new(),
        count => vec![(name.clone(), count.clone())],
    };
    (path, Box::new(read))
}

fn node(id: &str) -> String {
    format!("/graph/v1/{GRAPH}/nodes/{id}")
}

fn list(value: &Value) -> &Vec<Value> {
    value
        .as_array()
        .unwrap_or_else(|| panic!("no list: {value}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// A number that was stored as JSON, or by counting as text.
fn number(body: &Value) -> Value {
    match body {
        Value::String(text) => serde_json::from_str(text).expect("a number"),
        number => number.clone(),
    }
}

/// The times of the workload lie in the first second of 1970.
fn microseconds(at: &str) -> u64 {
    let rest = at.strip_prefix("1970-01-01T00:00:00.");
    let rest = rest.unwrap_or_else(|| panic!("{at} is another second"));
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    format!("{digits:0<6}").parse().expect("a number")
}
