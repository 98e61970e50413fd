//! What cannot be set of listeners, and where it is said.

use crate::support::refused;

#[test]
fn what_cannot_be_is_refused_with_its_place_and_how_to_mend_it() {
    const URL: &str = "url = \"http://127.0.0.1:1/\"\n";
    const ON: &str = "on = [\"docs/a\"]\n";
    for (more, words) in [
        (
            URL.to_owned(),
            "pando.toml:2:1 (listeners.l.on): is missing or empty, and has to name what is heard of: write \
             on = [\"rest/orders:insert\"",
        ),
        (
            ON.to_owned(),
            "pando.toml:2:1 (listeners.l.url): is missing: a listener has a url, such as",
        ),
        (
            format!("{URL}on = \"docs/a\"\n"),
            "pando.toml:3:1 (listeners.l.on): is the text \"docs/a\", and has to be a list",
        ),
        (format!("{URL}on = \"docs/a\"\n"), "write on = [\"docs/a\"]"),
        (
            format!("{URL}on = [\"orders\"]\n"),
            "\"orders\" names no surface",
        ),
        (
            format!("{URL}on = [\"table/orders\"]\n"),
            "begins with none of rest, docs, kv, wide, graph",
        ),
        (
            format!("{URL}on = [\"rest/orders:create\"]\n"),
            "ends with \"create\", which is none of insert, update, delete and *",
        ),
        (
            format!("{ON}url = \"ftp://x/\"\n"),
            "(listeners.l.url): must begin with http:// or https://",
        ),
        (
            format!("{URL}{ON}phase = \"before-commit\"\ntimeout = \"1m\"\n"),
            "(listeners.l.timeout): must be between 10ms and 30s in this phase",
        ),
        (
            format!("{URL}{ON}concurrency = 0\n"),
            "must be between 1 and 1000",
        ),
        (
            format!("{URL}{ON}attempts = 0\n"),
            "(listeners.l.attempts): is 0: it must be",
        ),
        (format!("{URL}{ON}phase = \"before\"\n"), "before-commit"),
        (
            format!("{URL}{ON}secret_fil = \"x\"\n"),
            "did you mean `listeners.l.secret_file`?",
        ),
        (
            format!("{URL}{ON}[queues.\"listener.l\"]\nattempts = 3\n"),
            "is the queue of a listener: [listeners.l] says",
        ),
        (
            format!(
                "{URL}on = [\"kv/*\"]\nphase = \"before-commit\"\n\
                 [cache.collections.\"kv/carts\"]\nstrategy = \"write-behind\"\n"
            ),
            "names kv/carts, which is written behind",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("[listeners.l]\n{more}");
        std::fs::write(folder.path().join("pando.toml"), &text).unwrap();
        let error = refused(folder.path(), &["config", "check"], 2);
        assert!(error.contains(words), "{text}\n{error}");
    }
}

#[test]
fn a_file_that_is_not_there_is_told_before_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        "[listeners.l]\non = [\"docs/a\"]\nurl = \"http://127.0.0.1:1/\"\nsecret_file = \"no\"\n";
    std::fs::write(folder.path().join("pando.toml"), text).unwrap();
    let error = refused(folder.path(), &["serve"], 2);
    assert!(error.contains("listeners.l.secret_file"), "{error}");
}
