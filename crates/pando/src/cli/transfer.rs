//! Arguments of import and export.

use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::str::FromStr;

/// `pando import`.
#[derive(Clone, Debug, Args)]
pub struct ImportArgs {
    /// Where to: tables/NAME
    pub target: Target,
    /// CSV, JSON or NDJSON, as they are or as .gz or .zip
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// CSV: a field that means NULL, besides the empty one; may be given several times
    #[arg(long = "null", value_name = "TEXT")]
    pub nulls: Vec<String>,
    /// Take a column from a header or key of another name; may be given several times
    #[arg(long = "map", value_name = "COLUMN=HEADER")]
    pub maps: Vec<String>,
    /// What to do with a row that cannot be stored
    #[arg(long, value_enum, default_value = "stop")]
    pub on_error: OnError,
    /// Write each rejected row here, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Go on behind the last chunk that was committed
    #[arg(long)]
    pub resume: bool,
    /// Rows that are committed together
    #[arg(long, value_name = "ROWS", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub chunk: u32,
}

/// What to do with a row that cannot be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnError {
    /// Stop there; the chunks before it stay
    Stop,
    /// Leave it out
    Skip,
}

/// `pando export`.
#[derive(Clone, Debug, Args)]
pub struct ExportArgs {
    /// What: tables/NAME
    pub target: Target,
    /// .csv, .json, .ndjson, each also .gz [default: NDJSON to standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long)]
    pub yes: bool,
}

/// What is imported into or exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The table.
    pub table: String,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Target, String> {
        match text.split_once('/') {
            Some(("tables", name)) if !name.is_empty() => Ok(Target {
                table: name.to_owned(),
            }),
            Some((model @ ("docs" | "kv" | "wide" | "graph"), _)) => Err(format!(
                "{model}/… is not available in this version; tables/NAME is"
            )),
            _ => Err("write tables/NAME, for example tables/flights".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_model_and_a_name() {
        assert_eq!("tables/a".parse::<Target>().unwrap().table, "a");
        for (text, words) in [
            ("docs/x", "not available in this version"),
            ("flights", "write tables/NAME"),
            ("tables/", "write tables/NAME"),
        ] {
            let error = text.parse::<Target>().unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
