//! Layers: defaults, file, environment, flags; the later one wins.
//!
//! Each layer becomes a list of settings with their origins. They are merged into
//! one document, which is then read as a whole, so that a value's fault is
//! reported at the place it came from whatever the layer.

mod document;
mod environment;
mod reading;

pub(super) use document::leaves;

use super::keys::{self, Form, NoSuchKey};
use super::{Config, ConfigError, Problem, checks};
use document::{json_of, put};
use reading::read_document;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// The file that is read when none is named and this one exists.
pub const DEFAULT_FILE: &str = "pando.toml";

/// Where settings may come from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `--config`; without it `pando.toml` in the current folder, if there is one.
    pub file: Option<PathBuf>,
    /// The environment.
    pub env: Vec<(String, String)>,
    /// Flags: the flag, the path of what it sets, the value.
    pub flags: Vec<(&'static str, &'static str, Value)>,
}

/// Where a setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A place in the file.
    File {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
    },
    /// A variable of the environment.
    Env(String),
    /// A flag.
    Flag(&'static str),
}

/// A configuration, and where each of its settings came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// The file that was read, if one was.
    pub file: Option<PathBuf>,
    /// The same settings as a document.
    pub document: Value,
    origins: BTreeMap<String, Origin>,
}

struct Setting {
    path: Vec<String>,
    value: Value,
    origin: Origin,
}

/// Reads all layers; every fault is reported, not only the first.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let mut problems = Vec::new();
    let mut settings = Vec::new();
    let file = chosen_file(sources);
    if let Some(path) = &file {
        match std::fs::read_to_string(path) {
            Ok(text) => settings_of_file(path, &text, &mut settings, &mut problems),
            Err(error) => problems.push(Problem {
                place: path.display().to_string(),
                message: format!("cannot read the configuration: {error}"),
                hint: Some("name another file with --config, or leave it out".to_owned()),
            }),
        }
    }
    environment::settings_of(&sources.env, &mut settings, &mut problems);
    settings.extend(sources.flags.iter().map(|(flag, path, value)| Setting {
        path: path.split('.').map(str::to_owned).collect(),
        value: value.clone(),
        origin: Origin::Flag(flag),
    }));

    let mut document = serde_json::to_value(Config::default()).unwrap_or_default();
    let mut origins = BTreeMap::new();
    for setting in settings {
        let is_there = || {
            let mut path = setting.path.iter();
            path.try_fold(&document, |value, key| value.get(key))
                .is_some()
        };
        // A name without settings is there, by its defaults; it takes nothing away.
        if setting.value == Value::Object(Map::new()) && is_there() {
            continue;
        }
        put(&mut document, &setting.path, setting.value);
        origins.insert(setting.path.join("."), setting.origin);
    }
    let mut misread = Vec::new();
    let config = read_document(&mut document, &origins, |path, problem| {
        misread.push(path);
        problems.push(problem);
    });
    let mut loaded = Loaded {
        config,
        file,
        document,
        origins,
    };
    for (path, message) in checks::faults(&loaded.config) {
        // What was not read is not missing.
        if misread.iter().any(|misread| is_within(misread, &path)) {
            continue;
        }
        problems.push(Problem {
            place: format!("{} ({path})", loaded.origin_within(&path)),
            message,
            hint: None,
        });
    }
    if problems.is_empty() {
        loaded.place_paths();
        Ok(loaded)
    } else {
        Err(ConfigError(problems))
    }
}

impl Loaded {
    /// Where the setting at a dotted path came from.
    pub fn origin(&self, path: &str) -> Origin {
        self.origins.get(path).cloned().unwrap_or(Origin::Default)
    }

    /// The same, of a table of settings that of its first one; and of what is not there in a table
    /// with a name of its own, that table's.
    fn origin_within(&self, path: &str) -> Origin {
        let first = |path: &str| {
            let found = self
                .origins
                .iter()
                .find(|(known, _)| is_within(known, path));
            found.map(|(_, origin)| origin.clone())
        };
        let named = path.rsplit_once('.').map(|(table, _)| table);
        let named = named.filter(|table| table.contains('.'));
        let found = first(path).or_else(|| named.and_then(first));
        found.unwrap_or(Origin::Default)
    }

    /// Every setting: dotted path, value, origin; in the order of the reference.
    pub fn settings(&self) -> Vec<(String, Value, Origin)> {
        leaves(&self.document)
            .into_iter()
            .map(|(path, value)| {
                let origin = self.origin(&path);
                (path, value, origin)
            })
            .collect()
    }

    /// Paths in a file are relative to the file, all others to the current folder.
    fn place_paths(&mut self) {
        let Some(folder) = self
            .file
            .as_deref()
            .and_then(Path::parent)
            .map(Path::to_owned)
        else {
            return;
        };
        let from_file = |path: &str| matches!(self.origins.get(path), Some(Origin::File { .. }));
        let place = |path: &mut PathBuf, key: &str| {
            if from_file(key) {
                *path = folder.join(&*path);
            }
        };
        place(&mut self.config.data_dir, "data_dir");
        place(&mut self.config.store.migrations, "store.migrations");
        let (tls, postgres) = (&mut self.config.tls, &mut self.config.store.postgres);
        let cache = &mut self.config.cache;
        for (path, setting) in [
            (&mut cache.redis_password_file, "cache.redis_password_file"),
            (&mut cache.redis_ca_file, "cache.redis_ca_file"),
            (&mut tls.cert, "tls.cert"),
            (&mut tls.key, "tls.key"),
            (&mut postgres.password_file, "store.postgres.password_file"),
            (&mut postgres.ca_file, "store.postgres.ca_file"),
        ] {
            if let Some(path) = path {
                place(path, setting);
            }
        }
        for (name, listener) in &mut self.config.listeners {
            for (path, setting) in [
                (&mut listener.secret_file, "secret_file"),
                (&mut listener.ca_file, "ca_file"),
            ] {
                if let Some(path) = path {
                    place(path, &format!("listeners.{name}.{setting}"));
                }
            }
        }
        for (name, worker) in &mut self.config.workers {
            for (path, setting) in [
                (&mut worker.secret_file, "secret_file"),
                (&mut worker.ca_file, "ca_file"),
            ] {
                if let Some(path) = path {
                    place(path, &format!("workers.{name}.{setting}"));
                }
            }
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path, line, column } => {
                write!(f, "{}:{line}:{column}", path.display())
            }
            Origin::Env(name) => f.write_str(name),
            Origin::Flag(flag) => f.write_str(flag),
        }
    }
}

/// Whether a setting is another one, or in its table.
fn is_within(setting: &str, path: &str) -> bool {
    let rest = setting.strip_prefix(path);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn chosen_file(sources: &Sources) -> Option<PathBuf> {
    sources.file.clone().or_else(|| {
        let path = PathBuf::from(DEFAULT_FILE);
        path.exists().then_some(path)
    })
}

fn settings_of_file(
    path: &Path,
    text: &str,
    settings: &mut Vec<Setting>,
    problems: &mut Vec<Problem>,
) {
    let origin_at = |offset: usize| {
        let (line, column) = place_of(text, offset);
        Origin::File {
            path: path.to_owned(),
            line,
            column,
        }
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        problems.push(Problem {
            place: origin_at(error.span().map_or(0, |span| span.start)).to_string(),
            message: error.message().to_owned(),
            hint: None,
        });
    }
    if errors.is_empty() {
        walk(
            &mut Vec::new(),
            table.get_ref(),
            &origin_at,
            settings,
            problems,
        );
    }
}

fn walk(
    path: &mut Vec<String>,
    table: &DeTable<'_>,
    origin_at: &dyn Fn(usize) -> Origin,
    settings: &mut Vec<Setting>,
    problems: &mut Vec<Problem>,
) {
    for (key, value) in table {
        path.push(key.get_ref().to_string());
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let origin = origin_at(key.span().start);
        match (keys::form(&names), value.get_ref()) {
            (Err(error), _) => problems.push(no_such_key(origin.to_string(), &names, error)),
            (Ok(Form::Table), DeValue::Table(inner)) if inner.is_empty() => {
                settings.push(Setting {
                    path: path.clone(),
                    value: Value::Object(Map::new()),
                    origin,
                });
            }
            (Ok(Form::Table), DeValue::Table(inner)) => {
                walk(path, inner, origin_at, settings, problems);
            }
            (Ok(Form::Table), _) => problems.push(Problem {
                place: origin.to_string(),
                message: format!("`{}` is a table of settings", names.join(".")),
                hint: Some(format!(
                    "write [{}] and its settings below it",
                    names.join(".")
                )),
            }),
            (Ok(_), value) => settings.push(Setting {
                path: path.clone(),
                value: json_of(value),
                origin,
            }),
        }
        path.pop();
    }
}

fn no_such_key(place: String, path: &[&str], error: NoSuchKey) -> Problem {
    let dotted = path.join(".");
    match error {
        NoSuchKey::Later(why) => Problem {
            place,
            message: format!("`{dotted}` is not available in this version: {why}"),
            hint: Some("leave it out".to_owned()),
        },
        NoSuchKey::Unknown { nearest, siblings } => Problem {
            place,
            message: format!("unknown key `{dotted}`"),
            hint: Some(match nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None if siblings.is_empty() => "see `pando generate config`".to_owned(),
                None => format!("known here: {}", siblings.join(", ")),
            }),
        },
    }
}

fn place_of(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}
