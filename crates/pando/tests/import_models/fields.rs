//! The fields of a record as a document, and as the cells of a wide row.

use crate::support::{Server, json as done};
use crate::{check, exported, lines, write};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn documents_go_under_the_field_that_is_named_or_their_id_or_one_that_is_made() {
    check(
        "a.json",
        r#"[{"cca3":"KOR","name":{"common":"South Korea"},"n":1.50},{"cca3":"SWE","_id":"gone"}]"#,
        &["docs/c", "--key", "cca3"],
        &[
            json!({ "_id": "KOR", "cca3": "KOR", "n": 1.50, "name": { "common": "South Korea" } }),
            json!({ "_id": "SWE", "cca3": "SWE" }),
        ],
    );
    check(
        "a.ndjson",
        "{\"_id\":\"a/b\",\"x\":null}\n{\"_id\":7}\n",
        &["docs/c"],
        &[json!({ "_id": "a/b", "x": null }), json!({ "_id": "7" })],
    );
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "a.ndjson", "{\"n\":1}\n{\"n\":2}\n");
    done(folder.path(), &["import", "docs/c", "a.ndjson"]);
    let found = exported(folder.path(), "docs/c");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|line| line.contains("\"_id\":\"")));
}

const WEATHER: &str = "origin,hour,temp,dir\nJFK,2013-01-01T05,39.02,260\nJFK,2013-01-01T06,NA,N\n\
    LGA,2013-01-01T05,40,NA\n";

#[test]
fn fields_become_cells_and_what_is_null_none() {
    for served in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let _server = served.then(|| Server::start(folder.path()));
        let folder = folder.path();
        write(folder, "a.csv", WEATHER);
        let args = [
            "import",
            "wide/w",
            "a.csv",
            "--partition",
            "origin",
            "--row",
            "hour",
            "--column",
            "obs:temp=temp",
            "--column",
            "wind:dir=dir",
            "--null",
            "NA",
        ];
        let told = done(folder, &args);
        assert_eq!(
            (&told["rows"], &told["rejected"]),
            (&json!(3), &json!(0)),
            "{told}"
        );
        let mut found: Vec<Value> = exported(folder, "wide/w")
            .iter()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        for row in &mut found {
            // The time is that of the import.
            for versions in row["versions"].as_object_mut().expect("cells").values_mut() {
                *versions = versions[0]["value"].clone();
            }
        }
        let row = |partition: &str, row: &str, cells: Value| json!({ "partition": partition, "row": row, "versions": cells });
        let expected = [
            row(
                "JFK",
                "2013-01-01T05",
                json!({ "obs:temp": 39.02, "wind:dir": 260 }),
            ),
            row("JFK", "2013-01-01T06", json!({ "wind:dir": "N" })),
            row("LGA", "2013-01-01T05", json!({ "obs:temp": 40 })),
        ];
        let found: BTreeSet<String> = found.iter().map(Value::to_string).collect();
        assert_eq!(found, lines(&expected), "served: {served}");
    }
}
