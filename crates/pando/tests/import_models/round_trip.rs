//! There and back: what is exported can be imported again.

use crate::support::{json as done, run, text};
use crate::{exported, write};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// Something of every model, in forms that ask for care.
fn fill(folder: &Path) -> [&'static str; 4] {
    let mut values = String::new();
    for n in 0..2_500 {
        values.push_str(&format!("{{\"key\":\"k/{n}\",\"text\":\"\\\"{n}\"}}\n"));
    }
    values.push_str("{\"key\":\"\\u0001?&#\",\"value\":\"AP8=\"}\n");
    write(folder, "kv.ndjson", values);
    let mut documents = String::new();
    for n in 0..2_100 {
        documents.push_str(&format!(
            "{{\"_id\":\"d {n}\",\"n\":{n}.10,\"a\":[null,\"\\n\"]}}\n"
        ));
    }
    write(folder, "docs.ndjson", documents);
    let mut cells = String::new();
    for partition in 0..30 {
        for row in 0..40 {
            cells.push_str(&format!(
                "{{\"partition\":\"p{partition}\",\"row\":\"{row:03}\",\"versions\":{{\
                 \"f:a\":[{{\"at\":\"2024-01-02T00:00:00Z\",\"value\":{row}}}],\
                 \"f:b\":[{{\"at\":\"2024-01-01T00:00:00Z\",\"value\":[\"x\"]}}]}}}}\n"
            ));
        }
    }
    write(folder, "wide.ndjson", cells);
    let mut graph = String::new();
    for n in 0..1_200 {
        graph.push_str(&format!(
            "{{\"id\":\"n{n}\",\"kind\":\"k\",\"body\":{{\"n\":{n}}}}}\n"
        ));
    }
    for n in 1..1_200 {
        graph.push_str(&format!(
            "{{\"from\":\"n{n}\",\"kind\":\"to/{}\",\"to\":\"n{}\",\"at\":\"2024-01-01T00:00:00.00000{}Z\",\
             \"body\":null}}\n",
            n % 3, n / 2, n % 9 + 1
        ));
    }
    write(folder, "graph.ndjson", graph);
    let targets = ["kv/a b", "docs/a b", "wide/a b", "graph/a b"];
    for target in targets {
        let model = target.split('/').next().expect("a model");
        let told = done(folder, &["import", target, &format!("{model}.ndjson")]);
        assert_eq!(told["rejected"], 0, "{told}");
    }
    targets
}

#[test]
fn what_is_exported_can_be_imported_again_and_a_backup_has_all_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let targets = fill(folder);
    done(folder, &["backup", "all.backup"]);
    done(folder, &["restore", "all.backup", "--data-dir", "restored"]);
    for (target, count) in targets.into_iter().zip([2_501, 2_100, 1_200, 2_399]) {
        let before = exported(folder, target);
        assert_eq!(before.len(), count, "{target}");
        let model = target.split('/').next().expect("a model");
        let out = format!("{model}.out.ndjson.gz");
        let told = done(folder, &["export", target, "--out", &out]);
        assert_eq!(told["rows"], count, "{told}");
        let elsewhere = ["--data-dir", "elsewhere"];
        done(
            folder,
            &[&["import", target, &out], &elsewhere[..]].concat(),
        );
        for dir in ["elsewhere", "restored"] {
            let output = run(folder, &["export", target, "--data-dir", dir]);
            let found = text(&output.stdout);
            let normal = |line: &str| {
                serde_json::from_str::<Value>(line)
                    .expect("JSON")
                    .to_string()
            };
            let found: BTreeSet<String> = found.lines().map(normal).collect();
            assert!(found == before, "{target} in {dir}: {} lines", found.len());
        }
    }
}
