//! The reference of all settings: an annotated `pando.toml`, and its JSON Schema.
//!
//! Both are written from the same schema that reads the file, so they cannot say
//! anything else than what is true; a test keeps `docs/reference/` current.

use super::keys;
use serde_json::Value;
use std::fmt::Write as _;

/// How wide a comment may be.
const WIDTH: usize = 96;

/// The JSON Schema, as a file for editors.
pub fn json_schema() -> String {
    let mut text = serde_json::to_string_pretty(keys::json_schema()).unwrap_or_default();
    text.push('\n');
    text
}

/// An annotated `pando.toml` in which every setting stands at its default.
pub fn annotated_toml() -> String {
    let mut out = String::from(
        "# pando.toml: every setting, at its default. Nothing is required; keep what you change.\n\
         # Each one can be set in the environment too: PANDO__STORE__ENGINE=memory.\n\
         # (reload): taken over by a running server on SIGHUP; others at the next start.\n",
    );
    let schema = keys::json_schema();
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return out;
    };
    let (sections, top): (Vec<_>, Vec<_>) = properties.iter().partition(|(_, property)| {
        property.get("properties").is_some() || keys::named(property).is_some()
    });
    for (name, property) in top {
        write_setting(&mut out, name, property);
    }
    for (name, section) in sections {
        if keys::named(section).is_some() {
            write_named(&mut out, name, section);
            continue;
        }
        write_section(&mut out, name, section);
    }
    out
}

/// A table, and behind it those within it.
fn write_section(out: &mut String, path: &str, section: &Value) {
    out.push('\n');
    write_comment(out, section, "");
    let _ = writeln!(out, "[{path}]");
    let settings = section.get("properties").and_then(Value::as_object);
    let (named, settings): (Vec<_>, Vec<_>) = settings
        .into_iter()
        .flatten()
        .partition(|(_, property)| keys::named(property).is_some());
    let (inner, plain): (Vec<_>, Vec<_>) = settings
        .into_iter()
        .partition(|(_, property)| property.get("properties").is_some());
    for (name, property) in plain {
        write_setting(out, name, property);
    }
    for (name, section) in inner {
        write_section(out, &format!("{path}.{name}"), section);
    }
    for (name, section) in named {
        write_named(out, &format!("{path}.{name}"), section);
    }
}

/// A table whose keys are names: what stands under a name, commented out, for there is none.
fn write_named(out: &mut String, path: &str, schema: &Value) {
    if let Some(entry) = keys::named(schema) {
        out.push('\n');
        write_comment(out, schema, "");
        return write_named(out, &format!("{path}.NAME"), entry);
    }
    let settings = schema.get("properties").and_then(Value::as_object);
    // TOML has a table's own settings first.
    let is_table =
        |property: &Value| keys::named(property).is_some() || property.get("properties").is_some();
    let (tables, plain): (Vec<_>, Vec<_>) = settings
        .into_iter()
        .flatten()
        .partition(|(_, property)| is_table(property));
    let mut has_header = false;
    for (name, property) in plain {
        if !has_header {
            let _ = writeln!(out, "# [{path}]");
            has_header = true;
        }
        let mut setting = String::new();
        write_setting(&mut setting, name, property);
        for line in setting.trim_start().lines() {
            let mark = if line.starts_with('#') { "" } else { "# " };
            let _ = writeln!(out, "{mark}{line}");
        }
    }
    for (name, table) in tables {
        if keys::named(table).is_none() {
            out.push('\n');
            write_comment(out, table, "");
        }
        write_named(out, &format!("{path}.{name}"), table);
    }
}

fn write_setting(out: &mut String, name: &str, property: &Value) {
    out.push('\n');
    let reload = property.get("x-reload") == Some(&Value::Bool(true));
    write_comment(out, property, if reload { " (reload)" } else { "" });
    let _ = match property.get("default") {
        None | Some(Value::Null) => writeln!(out, "# {name} = \"\""),
        Some(default) => writeln!(out, "{name} = {default}"),
    };
}

fn write_comment(out: &mut String, property: &Value, mark: &str) {
    let text = property
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default();
    write_words(out, &format!("{}{mark}", text.replace('\n', " ")));
}

fn write_words(out: &mut String, words: &str) {
    let mut line = String::from("#");
    for word in words.split_whitespace() {
        if line.len() + word.len() + 1 > WIDTH {
            let _ = writeln!(out, "{line}");
            line.replace_range(1.., "");
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(out, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_annotated_file_reads_as_the_defaults() {
        let table: toml::Table = annotated_toml().parse().unwrap();
        let read: super::super::Config = table.try_into().unwrap();
        assert_eq!(read, super::super::Config::default());
    }

    #[test]
    fn every_setting_is_explained() {
        let text = annotated_toml();
        assert!(!text.contains("#\n"), "a comment is empty:\n{text}");
    }
}
