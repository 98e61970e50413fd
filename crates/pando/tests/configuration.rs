//! The configuration through the real binary: faults and their places, layers and
//! origins, and the reference files.

#![allow(clippy::expect_used, clippy::panic)] // helpers of tests, not tests themselves

use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};

#[test]
fn each_fault_is_told_with_its_line_and_column() {
    refused(
        "listen = \"127.0.0.1:8080\"\n\n[store]\nengin = \"memory\"\n",
        &[],
        &[
            "pando.toml:4:1: unknown key `store.engin`",
            "did you mean `store.engine`?",
        ],
    );
    refused(
        "[limits]\n  max_body = \"16 bananas\"\nrequest_timeout = 30\n",
        &[],
        &[
            "pando.toml:2:3 (limits.max_body): `bananas` is not a unit",
            "pando.toml:3:1 (limits.request_timeout): invalid type: integer `30`",
        ],
    );
    for (file, words) in [
        (
            "listen = \"everywhere\"\n",
            "pando.toml:1:1 (listen): expected an address",
        ),
        (
            "store = 5\n",
            "pando.toml:1:1: `store` is a table of settings",
        ),
        ("[store\n", "pando.toml:1:"),
        ("listen = 1\nlisten = 2\n", "pando.toml:2:1"),
    ] {
        refused(file, &[], &[words]);
    }
}

#[test]
fn a_setting_of_a_later_rung_is_refused_as_such() {
    refused(
        "[[store.shards]]\nname = \"a\"\n[balancer]\nlisten = \"x\"\n",
        &[],
        &[
            "`store.shards` is not available in this version: one database is [store.postgres]",
            "pando.toml:3:2: `balancer` is not available in this version: the balancer is rung 3",
        ],
    );
}

#[test]
fn what_does_not_fit_together_is_refused() {
    for (file, words) in [
        (
            "[cache.journal]\nflush_interval = \"1ms\"\n",
            "pando.toml:2:1 (cache.journal.flush_interval): must be between 10ms and 10m",
        ),
        (
            "[cache.journal]\nmax_rows = 0\n",
            "pando.toml:2:1 (cache.journal.max_rows): must be between 1 and 1000000",
        ),
        (
            "[cache.journal]\nmax_rows = 1000001\n",
            "pando.toml:2:1 (cache.journal.max_rows): must be between 1 and 1000000",
        ),
        (
            "[docs.c]\nsearch = [\"a->>b->c\"]\n",
            "pando.toml:2:1 (docs.c.search): \"a->>b->c\" is no path into documents",
        ),
        (
            "[docs.a]\nsearch = [\"t\"]\nindexes = [\"a->\"]\n",
            "pando.toml:3:1 (docs.a.indexes): ",
        ),
        (
            "[docs.c]\nindexs = [\"a\"]\n",
            "pando.toml:2:1: unknown key `docs.c.indexs`",
        ),
        (
            "[tls]\ncert = \"a.pem\"\n",
            "pando.toml:2:1 (tls.cert): a certificate needs",
        ),
        (
            "[cors]\norigins = [\"example.com\"]\n",
            "`example.com` is not an origin",
        ),
        ("[log]\nlevel = \"loud=very\"\n", "(log.level)"),
        (
            "[log]\nlevel = \"info,loud\"\n",
            "(log.level): `info,loud`: there is no level \"loud\"",
        ),
        (
            "[limits]\nmax_rows = 0\n",
            "(limits.max_rows): must be more than nothing",
        ),
        (
            "[sessions]\nidle = \"2d\"\n",
            "pando.toml:2:1 (sessions.idle): is longer than sessions.absolute",
        ),
        (
            "[sessions]\nmax_absolute = \"12h\"\n",
            "(sessions.absolute): is longer than sessions.max_absolute",
        ),
    ] {
        refused(file, &[], &[words]);
    }
}

#[test]
fn what_does_not_lead_to_a_database_is_refused() {
    for (file, words) in [
        (
            "[store]\nengine = \"postgres\"\n",
            "pando.toml:2:1 (store.engine): PostgreSQL needs an address: write below \
             [store.postgres] url = ",
        ),
        (
            "[store.postgres]\nreplicas = [\"postgres://b.example/pando\"]\n",
            "pando.toml:2:1 (store.postgres.replicas): only PostgreSQL has it: say [store] \
             engine = \"postgres\"",
        ),
        (
            "[store]\nengine = \"memory\"\n[store.postgres]\nurl = \"postgres://a.example/p\"\n",
            "pando.toml:4:1 (store.postgres.url): only PostgreSQL has it",
        ),
        (
            "[store]\nengine = \"postgres\"\npostgres.url = \"db.example/pando\"\n",
            "pando.toml:3:10 (store.postgres.url): it is not of the form postgres://user@host",
        ),
        (
            "[store]\nengine = \"postgres\"\n[store.postgres]\n\
             url = \"postgres://p@a.example/p?sslmode=require\"\n",
            "(store.postgres.url): it asks for TLS: name the certificates in ca_file",
        ),
        (
            "[store]\nengine = \"postgres\"\n[store.postgres]\n\
             url = \"postgres://p@a.example/p\"\npatroni = [\"a.example:8008\"]\npool = 0\n",
            "pando.toml:5:1 (store.postgres.patroni): `a.example:8008` is no REST address; write \
             http://HOST:8008",
        ),
        (
            "[store]\nengine = \"postgres\"\npostgres.url = \"postgres://db.example/pando\"\n",
            "pando.toml:3:10 (store.postgres.url): it names no user",
        ),
        (
            "[store]\nengine = \"postgres\"\npostgres.url = \"postgres://pando@db.example\"\n",
            "pando.toml:3:10 (store.postgres.url): it names no database",
        ),
        (
            "[store]\nengine = \"postgres\"\n[store.postgres]\n\
             url = \"postgres://p@a.example/p\"\npassword_file = \"none\"\n",
            "pando.toml:5:1 (store.postgres.password_file): cannot use",
        ),
        (
            "[store]\nreplicas = [\"postgres://b.example/pando\"]\n",
            "did you mean `store.postgres.replicas`?",
        ),
    ] {
        refused(file, &[], &[words]);
    }
}

#[test]
fn a_password_in_an_address_is_refused_and_not_repeated() {
    for (set, setting) in [
        (
            "url = \"postgres://p:hunter2@a.example/p\"",
            "store.postgres.url",
        ),
        (
            "url = \"postgres://p@a.example/p\"\nreplicas = [\"postgres://p:hunter2@b.example/p\"]",
            "store.postgres.replicas",
        ),
    ] {
        let file = format!("[store]\nengine = \"postgres\"\n[store.postgres]\n{set}\n");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("pando.toml"), file).expect("a file");
        for command in [&["config", "check"][..], &["config", "show"], &["serve"]] {
            let output = pando(folder.path(), command, &[]);
            let error = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{command:?}: {error}");
            assert!(
                error.contains(&format!("({setting}): it holds a password")),
                "{error}"
            );
            assert!(error.contains("password_file"), "{error}");
            assert!(!(error + &text(&output.stdout)).contains("hunter2"));
        }
    }
}

#[test]
fn a_certificate_that_no_server_could_start_with_is_told_at_its_setting() {
    let identities = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/tests/http/identities");
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    for name in ["first.cert.pem", "first.key.pem", "second.key.pem"] {
        std::fs::copy(identities.join(name), folder.join(name)).expect("a copy");
    }
    std::fs::write(folder.join("empty.pem"), "").expect("a file");
    for (cert, key, says) in [
        ("first.cert.pem", "first.key.pem", None),
        (
            "none.pem",
            "first.key.pem",
            Some("pando.toml:2:1 (tls.cert)"),
        ),
        (
            "empty.pem",
            "first.key.pem",
            Some("pando.toml:2:1 (tls.cert)"),
        ),
        (
            "first.cert.pem",
            "none.pem",
            Some("pando.toml:3:1 (tls.key)"),
        ),
        (
            "first.cert.pem",
            "empty.pem",
            Some("pando.toml:3:1 (tls.key)"),
        ),
        (
            "first.cert.pem",
            "second.key.pem",
            Some("pando.toml:3:1 (tls.key)"),
        ),
    ] {
        let file = format!("[tls]\ncert = \"{cert}\"\nkey = \"{key}\"\n");
        std::fs::write(folder.join("pando.toml"), file).expect("a file");
        let output = pando(folder, &["config", "check"], &[]);
        let error = text(&output.stderr);
        let doctor = pando(folder, &["doctor"], &[]);
        let found = text(&doctor.stdout);
        assert_eq!(
            output.status.success(),
            says.is_none(),
            "{cert} {key}: {error}"
        );
        assert_eq!(
            found.contains("FAIL"),
            says.is_some(),
            "{cert} {key}: {found}"
        );
        if let Some(says) = says {
            assert!(error.contains(says) && error.contains("name "), "{error}");
            assert!(found.contains(says), "{found}");
            let serve = ["serve", "--listen", "127.0.0.1:0"];
            let output = pando(folder, &serve, &[]);
            let error = text(&output.stderr);
            assert!(error.contains(says), "{error}");
        }
    }
}

#[test]
fn families_of_wide_tables_are_declared_under_their_names() {
    let right = "[wide.weather.families.obs]\nttl = \"30d\"\nversions = 3\n";
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("pando.toml"), right).expect("a file");
    let show = ["config", "show", "--origin", "--json"];
    let output = pando(folder.path(), &show, &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let ttl = shown
        .iter()
        .find(|setting| setting["path"] == "wide.weather.families.obs.ttl")
        .expect("the setting");
    assert_eq!(ttl["value"], "30d");
    assert_eq!(ttl["origin"], "pando.toml:2:1");
    for (file, words) in [
        (
            "[wide.weather.families.obs]\nversion = 3\n",
            "pando.toml:2:1: unknown key `wide.weather.families.obs.version`",
        ),
        (
            "[wide.weather.families.obs]\nversions = 0\n",
            "pando.toml:2:1 (wide.weather.families.obs.versions): must be 1 at least",
        ),
        (
            "[wide.weather.families.obs]\nttl = 30\n",
            "pando.toml:2:1 (wide.weather.families.obs.ttl): invalid type",
        ),
        (
            "[wide.weather.families.\"a:b\"]\nversions = 2\n",
            "(wide.weather.families.a:b): a family's name",
        ),
        (
            "[wide.weather]\nttl = \"1d\"\n",
            "pando.toml:2:1: unknown key `wide.weather.ttl`",
        ),
    ] {
        refused(file, &[], &[words]);
    }
}

#[test]
fn a_variable_that_is_no_setting_is_refused_without_its_value() {
    let variable = [("PANDO__STORE__ENGIN", "hunter2")];
    refused(
        "",
        &variable,
        &["PANDO__STORE__ENGIN: unknown key `store.engin`"],
    );
    let output = pando(Path::new("."), &["config", "check"], &variable);
    assert!(!text(&output.stderr).contains("hunter2"));
}

#[test]
fn later_layers_win_and_each_setting_tells_its_origin() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(
        folder.path().join("pando.toml"),
        "data_dir = \"from-file\"\n[store]\nengine = \"sqlite\"\nreaders = 3\n",
    )
    .expect("a file");
    let output = pando(
        folder.path(),
        &[
            "config",
            "show",
            "--origin",
            "--json",
            "--data-dir",
            "from-flag",
        ],
        &[
            ("PANDO__STORE__ENGINE", "memory"),
            ("PANDO__LIMITS__MAX_ROWS", "7"),
        ],
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    for (path, value, origin) in [
        ("data_dir", json!("from-flag"), "--data-dir"),
        ("store.engine", json!("memory"), "PANDO__STORE__ENGINE"),
        ("store.readers", json!(3), "pando.toml:4:1"),
        ("limits.max_rows", json!(7), "PANDO__LIMITS__MAX_ROWS"),
        ("limits.max_body", json!("16MiB"), "default"),
    ] {
        let setting = shown.iter().find(|s| s["path"] == path).expect(path);
        assert_eq!(setting["value"], value, "{path}");
        assert_eq!(setting["origin"], origin, "{path}");
    }
}

#[test]
fn the_reference_files_are_current() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    for (command, file) in [
        ("config", "pando.toml"),
        ("config-schema", "pando.schema.json"),
    ] {
        let output = pando(Path::new("."), &["generate", command], &[]);
        assert!(output.status.success());
        let path = docs.join(file);
        if std::env::var_os("UPDATE_REFERENCE").is_some() {
            std::fs::write(&path, &output.stdout).expect("docs/reference is writable");
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == text(&output.stdout),
            "docs/reference/{file} is old: run `make reference`"
        );
    }
}

/// Checks a file: every line of `expected` is in the error, and the status is 2.
fn refused(file: &str, env: &[(&str, &str)], expected: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("pando.toml"), file).expect("a file");
    let output = pando(folder.path(), &["config", "check"], env);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    for words in expected {
        assert!(error.contains(words), "no {words:?} in:\n{error}");
    }
}

fn pando(folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pando"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PANDO")) {
        command.env_remove(name);
    }
    command
        .current_dir(folder)
        .args(args)
        .envs(env.iter().copied())
        .output()
        .expect("the binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
