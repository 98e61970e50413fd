//! Arguments of import and export.

use clap::{Args, ValueEnum};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// `pando import`.
#[derive(Clone, Debug, Args)]
pub struct ImportArgs {
    /// Where to: tables/NAME, docs/NAME, kv/SPACE, wide/TABLE, graph/NAME
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
    /// The field that is the id of a document [default: _id, else made], the key of a value
    /// [default: key], or the id of a node
    #[arg(long, value_name = "FIELD")]
    pub key: Option<String>,
    /// Wide: the field that is the partition
    #[arg(long, value_name = "FIELD")]
    pub partition: Option<String>,
    /// Wide: the field that is the row's key
    #[arg(long, value_name = "FIELD")]
    pub row: Option<String>,
    /// Wide: a cell and the field it is taken from; may be given several times
    #[arg(long = "column", value_name = "FAMILY:QUALIFIER=FIELD")]
    pub columns: Vec<String>,
    /// Graph: the field that names the node an edge goes out from
    #[arg(long, value_name = "FIELD")]
    pub from: Option<String>,
    /// Graph: the field that names the node an edge goes to
    #[arg(long, value_name = "FIELD")]
    pub to: Option<String>,
    /// Graph: the kind of all nodes or edges; @FIELD takes each one's from a field
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// The field that tells when: of cells, and of edges [default: at]
    #[arg(long, value_name = "FIELD")]
    pub at: Option<String>,
    /// What to do with a row that cannot be stored
    #[arg(long, value_enum, default_value = "stop")]
    pub on_error: OnError,
    /// Write each rejected row here, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Go on behind the last chunk that was committed
    #[arg(long)]
    pub resume: bool,
    /// Rows that are committed together: 20,000, or all that fit into one request. A server
    /// takes 10,000 key-values or wide rows and 1,000 documents, nodes or edges; ten times as
    /// many are stored at once where none runs
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub chunk: Option<u32>,
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
    /// What: tables/NAME, docs/NAME, kv/SPACE, wide/TABLE, graph/NAME
    pub target: Target,
    /// .csv (tables), .json, .ndjson, each also .gz [default: NDJSON to standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long)]
    pub yes: bool,
}

/// What is imported into or exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The data model.
    pub model: Model,
    /// The table, collection, space or graph.
    pub name: String,
}

/// A data model, as targets name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// `tables/NAME`.
    Tables,
    /// `docs/NAME`.
    Docs,
    /// `kv/SPACE`.
    Kv,
    /// `wide/TABLE`.
    Wide,
    /// `graph/NAME`.
    Graph,
}

impl Model {
    const ALL: [Model; 5] = [
        Model::Tables,
        Model::Docs,
        Model::Kv,
        Model::Wide,
        Model::Graph,
    ];

    /// Its name in a target.
    pub fn as_str(self) -> &'static str {
        match self {
            Model::Tables => "tables",
            Model::Docs => "docs",
            Model::Kv => "kv",
            Model::Wide => "wide",
            Model::Graph => "graph",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.model.as_str(), self.name)
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Target, String> {
        let (model, name) = text.split_once('/').unwrap_or((text, ""));
        let known = Model::ALL.into_iter().find(|known| known.as_str() == model);
        match known {
            Some(model) if !name.is_empty() => Ok(Target {
                model,
                name: name.to_owned(),
            }),
            _ => Err(
                "write tables/NAME, docs/NAME, kv/SPACE, wide/TABLE or graph/NAME, \
                 for example tables/flights"
                    .to_owned(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_model_and_a_name() {
        for text in ["tables/a", "docs/a/b", "kv/가", "wide/w", "graph/g"] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        for text in ["flights", "tables/", "table/x", "", "/x"] {
            let error = text.parse::<Target>().unwrap_err();
            assert!(error.contains("write tables/NAME"), "{text}: {error}");
        }
    }
}
