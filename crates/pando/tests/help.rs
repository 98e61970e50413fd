//! What the command line says of itself, kept as it is read: examples first.
//!
//! `UPDATE_HELP=1` writes `tests/help.txt` anew.

#![allow(clippy::expect_used, clippy::panic)] // helpers of tests, not tests themselves

mod support;

use std::path::Path;
use support::{refused, run, text};

const COMMANDS: [&[&str]; 23] = [
    &[],
    &["serve"],
    &["migrate"],
    &["adopt"],
    &["import"],
    &["export"],
    &["keys"],
    &["keys", "create"],
    &["keys", "revoke"],
    &["queue"],
    &["queue", "publish"],
    &["queue", "lease"],
    &["queue", "purge"],
    &["queue", "move"],
    &["listeners"],
    &["listeners", "forget"],
    &["config", "show"],
    &["doctor"],
    &["status"],
    &["generate"],
    &["bench"],
    &["backup"],
    &["restore"],
];

#[test]
fn help_is_as_it_was_read() {
    let mut all = String::new();
    for command in COMMANDS {
        let mut args = command.to_vec();
        args.push("--help");
        let mut pando = support::pando(Path::new("."));
        let output = pando
            .args(&args)
            .env("COLUMNS", "100")
            .output()
            .expect("the binary");
        assert!(output.status.success());
        let help = text(&output.stdout);
        assert!(
            help.starts_with("Examples:"),
            "{args:?} does not begin with examples"
        );
        all.push_str(&format!("$ pando {}\n{help}\n", args.join(" ")));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help.txt");
    if std::env::var_os("UPDATE_HELP").is_some() {
        std::fs::write(&path, &all).expect("tests/ is writable");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == all,
        "the help has changed: UPDATE_HELP=1 keeps it\n{all}"
    );
}

#[test]
fn wrong_usage_ends_with_status_2_and_names_the_nearest_command() {
    let here = Path::new(".");
    let error = refused(here, &["imprt"], 2);
    assert!(error.contains("import"), "{error}");
    refused(here, &["serve", "--role", "worker"], 2);
    let error = refused(here, &["serve", "--role", "web"], 2);
    assert!(error.contains("engine = \"sqlite\" has one"), "{error}");
    assert!(error.contains("[store] engine = \"postgres\""), "{error}");
    refused(here, &["keys", "create", "--scope", "nonsense"], 2);
    for shell in ["bash", "zsh", "fish"] {
        let script = run(here, &["generate", "completions", shell]);
        assert!(text(&script.stdout).contains("pando"), "{shell}");
    }
}
