//! What cannot be set of workers, and how to mend it.

use crate::support::refused;

fn check(file: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pando.toml"), file).unwrap();
    refused(folder.path(), &["config", "check"], 2)
}

#[test]
fn a_command_that_is_no_list_is_refused_with_the_list_that_it_is_meant_to_be() {
    for (written, list) in [
        ("python3 mail.py", "[\"python3\", \"mail.py\"]"),
        ("cat > out", "[\"sh\", \"-c\", \"cat > out\"]"),
    ] {
        let error = check(&format!("[workers.mail]\ncommand = \"{written}\"\n"));
        let place = format!(
            "pando.toml:2:1 (workers.mail.command): is the text \"{written}\", and has to be a \
             list of words"
        );
        assert!(error.contains(&place), "{error}");
        assert!(
            error.contains(&format!("write command = {list}")),
            "{error}"
        );
        // What was not read is not missing.
        assert!(!error.contains("neither"), "{error}");
    }
    let error = check("[workers.mail]\n");
    let place = "pando.toml:1:10 (workers.mail): has neither a url nor a command: write url = ";
    assert!(error.contains(place), "{error}");
    assert!(
        error.contains("or command = [\"python3\", \"mail.py\"]"),
        "{error}"
    );
}
