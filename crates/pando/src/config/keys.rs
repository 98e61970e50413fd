//! Which settings exist: read off the JSON Schema, so that there is one list.
//!
//! Also says which settings belong to rungs of the ladder that are not built yet,
//! so that a file written for a grown deployment is refused in clear words.

use super::sections::Config;
use schemars::generate::SchemaSettings;
use serde_json::Value;
use std::sync::OnceLock;

/// How a setting's value is written, for values that come as bare text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A table of settings.
    Table,
    /// A list.
    List,
    /// A number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// Text.
    Text,
    /// Text, or a list of texts.
    TextOrList,
}

/// A key that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoSuchKey {
    /// It is a setting of a later rung.
    Later(&'static str),
    /// It is unknown; the nearest right one is perhaps what was meant.
    Unknown {
        /// The nearest right path.
        nearest: Option<String>,
        /// The keys that stand beside it.
        siblings: Vec<String>,
    },
}

/// What later rungs bring, by path.
const LATER: [(&str, &str); 8] = [
    (
        "store.shards",
        "one database is [store.postgres]; several are rung 9",
    ),
    ("balancer", "the balancer is rung 3"),
    ("assets", "assets are rung 6"),
    ("edge", "edges are rung 6"),
    ("views", "denormalised views are rung 9"),
    ("regions", "regions are rung 10"),
    ("dns", "the DNS server is rung 10"),
    ("autopilot", "the advisor is rung 11"),
];

/// How similar two names must be (Jaro-Winkler) for one to be offered for the other.
const NEAR: f64 = 0.75;
/// What the name of its table adds to how near a key is: less than its own does.
const TABLE_WEIGHT: f64 = 0.01;

/// The JSON Schema of `pando.toml`, without references.
pub fn json_schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
        let mut schema = settings.into_generator().into_root_schema_for::<Config>();
        schema.insert("title".to_owned(), "pando.toml".into());
        schema.to_value()
    })
}

/// The schema of one setting. In a table whose keys are names, such as `wide`, any name will do.
pub fn property(path: &[&str]) -> Option<&'static Value> {
    path.iter().try_fold(json_schema(), |schema, key| {
        let known = schema.get("properties").and_then(|all| all.get(key));
        known.or_else(|| named(schema))
    })
}

/// What stands under each name of a table whose keys are names.
pub fn named(schema: &Value) -> Option<&Value> {
    schema
        .get("additionalProperties")
        .filter(|entry| entry.is_object())
}

/// How the setting at `path` is written; an error if there is none.
pub fn form(path: &[&str]) -> Result<Form, NoSuchKey> {
    let Some(schema) = property(path) else {
        return Err(no_such_key(path));
    };
    if schema.get("properties").is_some() || named(schema).is_some() {
        return Ok(Form::Table);
    }
    if schema.get("anyOf").is_some() {
        return Ok(Form::TextOrList);
    }
    Ok(match schema.get("type") {
        Some(Value::String(name)) => match name.as_str() {
            "array" => Form::List,
            "integer" => Form::Integer,
            "boolean" => Form::Boolean,
            _ => Form::Text,
        },
        _ => Form::Text,
    })
}

/// Whether the setting at a dotted path carries a mark such as `x-reload`.
pub fn has_mark(path: &str, mark: &str) -> bool {
    let parts: Vec<&str> = path.split('.').collect();
    property(&parts).is_some_and(|schema| schema.get(mark) == Some(&Value::Bool(true)))
}

fn no_such_key(path: &[&str]) -> NoSuchKey {
    let dotted = path.join(".");
    let covers = |prefix: &str| {
        dotted == prefix
            || dotted
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.starts_with('.'))
    };
    if let Some((_, why)) = LATER.iter().find(|(prefix, _)| covers(prefix)) {
        return NoSuchKey::Later(why);
    }
    let (last, parent) = path.split_last().unwrap_or((&"", &[]));
    let siblings = children_of(parent);
    let mut best: Option<(f64, String)> = None;
    // A key's own table first; then every other, for a key in the wrong table.
    for (weight, candidate, name) in siblings
        .iter()
        .map(|name| (1.0, join(parent, name), name.as_str()))
        .chain(
            all_paths()
                .iter()
                .map(|path| (0.9, path.clone(), path.rsplit('.').next().unwrap_or(path))),
        )
    {
        let near = weight * strsim::jaro_winkler(last, name);
        // Of keys that are called alike, the one whose table is called alike.
        let score = near + TABLE_WEIGHT * strsim::jaro_winkler(&dotted, &candidate);
        if near >= NEAR && best.as_ref().is_none_or(|(top, _)| score > *top) {
            best = Some((score, candidate));
        }
    }
    // What stands in an unknown table is as unknown: the table's name is what to mend.
    if let [table, _, ..] = path
        && best.is_none()
        && property(&[table]).is_none()
    {
        return no_such_key(&[table]);
    }
    NoSuchKey::Unknown {
        nearest: best.map(|(_, path)| path),
        siblings,
    }
}

fn children_of(path: &[&str]) -> Vec<String> {
    property(path)
        .and_then(|schema| schema.get("properties"))
        .and_then(Value::as_object)
        .map(|properties| properties.keys().cloned().collect())
        .unwrap_or_default()
}

fn all_paths() -> Vec<String> {
    let mut paths = Vec::new();
    for section in children_of(&[]) {
        for key in children_of(&[&section]) {
            let inner = children_of(&[&section, &key]).into_iter();
            paths.extend(inner.map(|inner| format!("{section}.{key}.{inner}")));
            paths.push(format!("{section}.{key}"));
        }
        paths.push(section);
    }
    paths
}

fn join(parent: &[&str], name: &str) -> String {
    let mut path = parent.join(".");
    if !path.is_empty() {
        path.push('.');
    }
    path + name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_answered_with_the_nearest_right_one() {
        for (path, nearest) in [
            ("store.engin", Some("store.engine")),
            ("lisen", Some("listen")),
            ("limits.max_bdy", Some("limits.max_body")),
            ("max_body", Some("limits.max_body")),
            ("stor.x", Some("store")),
            ("stor.engin", Some("store.engine")),
            ("store.replicas", Some("store.postgres.replicas")),
            ("store.postgres.patrony", Some("store.postgres.patroni")),
            ("zzyx.x", None),
            ("zzyx", None),
        ] {
            let parts: Vec<&str> = path.split('.').collect();
            let Err(NoSuchKey::Unknown { nearest: found, .. }) = form(&parts) else {
                unreachable!("{path} exists")
            };
            assert_eq!(found.as_deref(), nearest, "{path}");
        }
    }

    #[test]
    fn a_setting_of_a_later_rung_is_named_as_one() {
        for path in ["store.shards", "balancer", "balancer.listen"] {
            let parts: Vec<&str> = path.split('.').collect();
            assert!(matches!(form(&parts), Err(NoSuchKey::Later(_))), "{path}");
        }
    }

    #[test]
    fn forms_are_read_off_the_schema() {
        for (path, expected) in [
            ("listen", Form::TextOrList),
            ("store", Form::Table),
            ("store.readers", Form::Integer),
            ("store.migrate", Form::Boolean),
            ("store.postgres", Form::Table),
            ("store.postgres.url", Form::Text),
            ("store.postgres.replicas", Form::List),
            ("cors.origins", Form::List),
            ("limits.max_body", Form::Text),
            ("docs", Form::Table),
            ("docs.countries", Form::Table),
            ("docs.countries.indexes", Form::List),
            ("tls.cert", Form::Text),
            ("wide", Form::Table),
            ("wide.weather", Form::Table),
            ("wide.weather.families.obs", Form::Table),
            ("wide.weather.families.obs.versions", Form::Integer),
            ("wide.weather.families.obs.ttl", Form::Text),
        ] {
            let parts: Vec<&str> = path.split('.').collect();
            assert_eq!(form(&parts), Ok(expected), "{path}");
        }
        assert!(form(&["wide", "weather", "ttl"]).is_err());
        assert!(has_mark("log.level", "x-reload"));
        assert!(!has_mark("data_dir", "x-reload"));
    }
}
