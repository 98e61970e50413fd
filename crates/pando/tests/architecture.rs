//! ARCHITECTURE.md is true: the arrows between rooms, the list of rooms, the
//! files it names; and nothing grows that is too long.

#![allow(clippy::expect_used, clippy::panic)] // helpers of tests, not tests themselves

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

type Arrows = &'static [(&'static str, &'static [&'static str])];

/// What each room may depend on. A room that is not here fails the test.
const ARROWS: Arrows = &[
    ("pando-model", &[]),
    ("pando-cache", &["pando-model"]),
    ("pando-client", &["pando-model"]),
    ("pando-queue", &["pando-model"]),
    ("pando-store", &["pando-model", "pando-queue"]),
    ("pando-web", &["pando-model", "pando-queue", "pando-store"]),
    ("pando-workers", &["pando-model", "pando-queue"]),
    ("pando-engine-sqlite", &["pando-model"]),
    ("pando-engine-memory", &["pando-model"]),
    ("pando-engine-postgres", &["pando-model"]),
    ("pando-engine-redis", &["pando-model"]),
    ("pando-engine-nats", &["pando-model"]),
    ("pando-engine-rabbitmq", &["pando-model"]),
    ("pando-cluster", &[]),
    ("pando-conformance", &["pando-model"]),
    ("pando-powercut", &[]),
    ("pando-workload", &[]),
    // It measures the binary from outside, and for LinkBench and PostgreSQL the store from inside.
    (
        "pando-bench",
        &[
            "pando-cluster",
            "pando-engine-postgres",
            "pando-engine-sqlite",
        ],
    ),
    (
        "pando-bench",
        &["pando-cache", "pando-model", "pando-store"],
    ),
    (
        "pando",
        &[
            "pando-cache",
            "pando-client",
            "pando-model",
            "pando-queue",
            "pando-store",
            "pando-web",
            "pando-workers",
            "pando-engine-sqlite",
            "pando-engine-memory",
            "pando-engine-nats",
            "pando-engine-postgres",
            "pando-engine-rabbitmq",
            "pando-engine-redis",
        ],
    ),
];

/// What the tests of a room may see besides.
const TEST_ARROWS: Arrows = &[
    (
        "pando-client",
        &["pando-engine-memory", "pando-store", "pando-web"],
    ),
    (
        "pando-cache",
        &["pando-cluster", "pando-engine-memory", "pando-engine-redis"],
    ),
    ("pando-store", &["pando-cache", "pando-engine-memory"]),
    ("pando-store", &["pando-engine-nats", "pando-engine-sqlite"]),
    ("pando-store", &["pando-cluster", "pando-engine-postgres"]),
    ("pando-store", &["pando-powercut", "pando-workload"]),
    ("pando", &["pando-cluster", "pando-workload"]),
    ("pando-web", &["pando-engine-memory"]),
    (
        "pando-engine-sqlite",
        &["pando-conformance", "pando-powercut"],
    ),
    ("pando-engine-memory", &["pando-conformance"]),
    (
        "pando-engine-postgres",
        &["pando-cluster", "pando-conformance", "pando-engine-memory"],
    ),
    (
        "pando-engine-redis",
        &["pando-cluster", "pando-conformance"],
    ),
    ("pando-engine-nats", &["pando-cluster", "pando-conformance"]),
    (
        "pando-engine-rabbitmq",
        &["pando-cluster", "pando-conformance"],
    ),
    (
        "pando-conformance",
        &["pando-engine-memory", "pando-engine-sqlite"],
    ),
    ("pando-powercut", &["pando-model", "pando-engine-sqlite"]),
];

/// How long a file should be at most.
const FILE_LINES: usize = 400;
/// How long a function should be at most.
const FUNCTION_LINES: usize = 70;

/// What is longer: a file, or a function in one, and its lines.
const LONG: &[(&str, usize)] = &[];

#[test]
fn rooms_depend_on_one_another_only_as_the_table_says() {
    let metadata = metadata();
    let packages = metadata.workspace_packages();
    let rooms: BTreeSet<String> = packages.iter().map(|p| p.name.to_string()).collect();
    let mut faults = Vec::new();
    for package in &packages {
        let room = package.name.as_str();
        if !ARROWS.iter().any(|(name, _)| *name == room) {
            faults.push(format!("{room} is not in the table of arrows"));
        }
        let mut may = allowed(ARROWS, room);
        let built = [DependencyKind::Normal, DependencyKind::Build];
        for target in arrows(package, &built, &rooms) {
            if !may.contains(&target) {
                faults.push(format!("{room} depends on {target}"));
            }
        }
        may.extend(allowed(TEST_ARROWS, room));
        for target in arrows(package, &[DependencyKind::Development], &rooms) {
            if !may.contains(&target) {
                faults.push(format!("the tests of {room} depend on {target}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_room_is_named_in_the_code_map() {
    let metadata = metadata();
    let page = architecture(&metadata);
    for package in metadata.workspace_packages() {
        let folder = folder_of(package);
        let folder = folder
            .strip_prefix(&metadata.workspace_root)
            .expect("in the workspace");
        let name = format!("`{}`", folder.display());
        assert!(page.contains(&name), "ARCHITECTURE.md does not name {name}");
    }
}

#[test]
fn every_file_that_is_named_exists() {
    let metadata = metadata();
    let root = metadata.workspace_root.as_std_path();
    let tops = [
        "crates/",
        "engines/",
        "testing/",
        "examples/",
        "docs/",
        "bench/",
    ];
    let page = architecture(&metadata);
    let gone: Vec<&str> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| tops.iter().any(|top| word.starts_with(top)))
        .filter(|word| !word.contains(['{', '*']) && !root.join(word).exists())
        .collect();
    assert!(gone.is_empty(), "named and not there: {gone:?}");
}

/// A ratchet: what is longer than it should be is on a list with its length, grows no more,
/// and is taken off the list, or moved down it, when it has become shorter.
#[test]
fn nothing_long_grows_and_nothing_new_becomes_long() {
    let metadata = metadata();
    let root = metadata.workspace_root.as_std_path();
    let mut long = BTreeMap::new();
    for package in metadata.workspace_packages() {
        for file in rust_files(&folder_of(package)) {
            let text = fs::read_to_string(&file).expect("a source file");
            let path = file.strip_prefix(root).expect("in the workspace");
            let path = path.display().to_string();
            let lines = text.lines().count();
            if lines > FILE_LINES {
                long.insert(path.clone(), lines);
            }
            for (name, lines) in functions(&text) {
                if lines > FUNCTION_LINES {
                    long.insert(format!("{path} {name}"), lines);
                }
            }
        }
    }
    let known: BTreeMap<String, usize> = LONG
        .iter()
        .map(|(what, lines)| ((*what).to_owned(), *lines))
        .collect();
    let mut faults = Vec::new();
    for (what, lines) in &long {
        match known.get(what) {
            Some(known) if known == lines => {}
            Some(known) if known > lines => faults.push(format!("{what}: {lines} now, say so")),
            Some(known) => faults.push(format!("{what}: grew from {known} to {lines} lines")),
            None => faults.push(format!("{what}: {lines} lines")),
        }
    }
    let short = known.keys().filter(|what| !long.contains_key(*what));
    faults.extend(short.map(|what| format!("{what}: not long any more, take it off the list")));
    assert!(
        faults.is_empty(),
        "a file has {FILE_LINES} lines, a function {FUNCTION_LINES}:\n{}",
        faults.join("\n")
    );
}

#[test]
fn functions_are_measured_from_their_first_line_to_their_last() {
    let text = "\
fn one() {}
trait T {
    fn declared(
        &self,
    ) -> u8;
    async fn two() {
        body();
    }
}
pub(crate) const fn three<T>(
    a: T,
) -> T
where
    T: Copy,
{
    if x {
    }
}
";
    let found: Vec<_> = functions(text).collect();
    let expected = [("one", 1), ("two", 3), ("three", 9)];
    assert_eq!(
        found,
        expected.map(|(name, lines)| (name.to_owned(), lines))
    );
}

#[test]
fn only_the_composition_root_names_engines() {
    for package in metadata().workspace_packages() {
        if ![
            "pando-cache",
            "pando-model",
            "pando-queue",
            "pando-store",
            "pando-web",
        ]
        .contains(&package.name.as_str())
        {
            continue;
        }
        for file in rust_files(&folder_of(package).join("src")) {
            // Test modules that are files of their own are compiled for tests only.
            if file.to_string_lossy().contains("test") {
                continue;
            }
            let text = fs::read_to_string(&file).expect("a source file");
            let production = text.split("#[cfg(test)]").next().unwrap_or_default();
            let code = production
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                let named = [
                    "rusqlite",
                    "redis::",
                    "async_nats",
                    "lapin",
                    "pando_engine_",
                ]
                .iter()
                .any(|engine| line.contains(engine));
                assert!(!named, "{}: {line}", file.display());
            }
        }
    }
}

/// The functions of a source that rustfmt has written, with how many lines each has.
fn functions(text: &str) -> impl Iterator<Item = (String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    (0..lines.len()).filter_map(move |first| {
        let line = lines[first];
        let head = line.trim_start();
        let indent = &line[..line.len() - head.len()];
        let (qualifiers, rest) = head.split_once("fn ")?;
        let is_function = qualifiers.split_whitespace().all(|word| {
            word.starts_with("pub")
                || ["const", "async", "unsafe", "extern", "\"C\""].contains(&word)
        });
        if !is_function {
            return None;
        }
        let name = rest.split(['(', '<']).next()?.to_owned();
        let opening = lines[first..].iter().position(|line| line.contains('{'))?;
        let signature = &lines[first..=first + opening];
        if signature.iter().any(|line| line.trim_end().ends_with(';')) {
            return None; // declared, and written elsewhere
        }
        if signature.last()?.ends_with('}') {
            return Some((name, opening + 1));
        }
        let closing = format!("{indent}}}");
        let length = lines[first..].iter().position(|line| *line == closing)?;
        Some((name, length + 1))
    })
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata")
}

fn architecture(metadata: &Metadata) -> String {
    let page = metadata.workspace_root.join("ARCHITECTURE.md");
    fs::read_to_string(page).expect("ARCHITECTURE.md")
}

fn folder_of(package: &Package) -> PathBuf {
    let manifest = package.manifest_path.as_std_path();
    manifest.parent().expect("a folder").to_owned()
}

fn arrows(package: &Package, kinds: &[DependencyKind], rooms: &BTreeSet<String>) -> Vec<String> {
    package
        .dependencies
        .iter()
        .filter(|dependency| kinds.contains(&dependency.kind) && rooms.contains(&dependency.name))
        .map(|dependency| dependency.name.clone())
        .collect()
}

fn allowed(table: Arrows, room: &str) -> BTreeSet<String> {
    table
        .iter()
        .filter(|(name, _)| *name == room)
        .flat_map(|(_, targets)| targets.iter().map(ToString::to_string))
        .collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() {
            if name != "target" && name != "node_modules" {
                found.extend(rust_files(&path));
            }
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
    found
}
