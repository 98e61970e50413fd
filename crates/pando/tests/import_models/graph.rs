//! Nodes and edges.

use crate::support::{Server, json as done, refused};
use crate::{exported, lines, write};
use serde_json::{Value, json};
use std::path::Path;

const NODES: &str = "faa,sort,name\nJFK,airport,Kennedy\nHNL,airport,\n";
const EDGES: &str = "a,b,at,miles\nJFK,HNL,2013-01-01T00:00:00Z,4983\nJFK,XXX,,1\n\
    HNL,JFK,2013-01-02T00:00:00Z,\n";
const IMPORT_EDGES: [&str; 9] = [
    "import",
    "graph/g",
    "edges.csv",
    "--from",
    "a",
    "--to",
    "b",
    "--kind",
    "flies",
];

/// Imports two nodes, and leaves a file of three edges, the second of which leads nowhere.
fn import_nodes(folder: &Path) {
    write(folder, "nodes.csv", NODES);
    write(folder, "edges.csv", EDGES);
    let args = [
        "import",
        "graph/g",
        "nodes.csv",
        "--key",
        "faa",
        "--kind",
        "@sort",
    ];
    let told = done(folder, &args);
    assert_eq!(told["rows"], 2, "{told}");
}

#[test]
fn nodes_and_edges_keep_their_other_fields() {
    for served in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let _server = served.then(|| Server::start(folder.path()));
        let folder = folder.path();
        import_nodes(folder);
        let told = done(
            folder,
            &[&IMPORT_EDGES[..], &["--on-error", "skip"]].concat(),
        );
        assert_eq!(
            (&told["rows"], &told["rejected"]),
            (&json!(2), &json!(1)),
            "{told}"
        );
        let node = |id: &str, body: Value| json!({ "id": id, "kind": "airport", "body": body });
        let edge = |from: &str, to: &str, at: &str, body: Value| json!({ "from": from, "kind": "flies", "to": to, "at": at, "body": body });
        let expected = [
            node("JFK", json!({ "name": "Kennedy" })),
            node("HNL", json!({ "name": null })),
            edge(
                "JFK",
                "HNL",
                "2013-01-01T00:00:00Z",
                json!({ "miles": 4983 }),
            ),
            edge(
                "HNL",
                "JFK",
                "2013-01-02T00:00:00Z",
                json!({ "miles": null }),
            ),
        ];
        assert_eq!(
            exported(folder, "graph/g"),
            lines(&expected),
            "served: {served}"
        );
    }
}

#[test]
fn an_edge_needs_both_its_nodes() {
    for served in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let _server = served.then(|| Server::start(folder.path()));
        let folder = folder.path();
        import_nodes(folder);
        let error = refused(folder, &IMPORT_EDGES, 1);
        assert!(error.contains("edges.csv:3: "), "{error}");
        let found = exported(folder, "graph/g").len();
        assert_eq!(found, 2, "none of the chunk is stored, served: {served}");
    }
}
