//! Recipes: how a record becomes operations of a model, and operations a request.

mod docs;
mod graph;
mod kv;
mod wide;

use super::chunk::Fault;
use super::fields::{Fields, Header};
use crate::cli::{ImportArgs, Model};
use crate::failure::fail;

/// Operations that one record becomes, as JSON texts with commas between them.
pub struct Operations {
    /// How many there are.
    pub count: usize,
    /// Their texts.
    pub text: String,
}

/// How the records of an import become operations.
pub trait Recipe: Send + Sync {
    /// The operations of a record.
    fn operations(&self, record: &Fields<'_>) -> Result<Operations, Fault>;

    /// Where they are sent.
    fn path(&self) -> &str;

    /// What stands around them in a request: before, and behind.
    fn frame(&self) -> (&'static str, &'static str);

    /// So many go into one request at most.
    fn operations_max(&self) -> usize;

    /// The fields that every record must have; for headers that lack one.
    fn needed(&self) -> Vec<&str>;
}

/// `/tx/v1` and what it takes.
const TX: &str = "/tx/v1";
const TX_FRAME: (&str, &str) = ("{\"ops\":[", "]}");
const TX_OPERATIONS_MAX: usize = 1_000;

/// Batches of a model, and what they take.
const BATCH_FRAME: (&str, &str) = ("[", "]");
const BATCH_OPERATIONS_MAX: usize = 10_000;

/// The recipe that the command line names.
pub fn of(args: &ImportArgs) -> anyhow::Result<Box<dyn Recipe>> {
    refuse_stray(args)?;
    let name = &args.target.name;
    Ok(match args.target.model {
        Model::Docs => Box::new(docs::Documents::new(name, args)),
        Model::Graph => graph::of(name, args)?,
        Model::Kv => Box::new(kv::Values::new(name, args)),
        Model::Tables | Model::Wide => wide::of(name, args)?,
    })
}

/// What the records of an import are made of, for what the import is known by.
pub fn settings(args: &ImportArgs) -> Vec<String> {
    let given = |name: &str, value: &Option<String>| Some(format!("{name}={}", value.as_ref()?));
    let mut settings: Vec<String> = [
        given("key", &args.key),
        given("partition", &args.partition),
        given("row", &args.row),
        given("from", &args.from),
        given("to", &args.to),
        given("kind", &args.kind),
        given("at", &args.at),
    ]
    .into_iter()
    .flatten()
    .collect();
    settings.extend(args.columns.iter().map(|column| format!("column={column}")));
    settings
}

/// Refuses a flag that the target has no use for.
pub fn refuse_stray(args: &ImportArgs) -> anyhow::Result<()> {
    use Model::{Docs, Graph, Kv, Wide};
    let flags: [(&str, bool, &[Model]); 8] = [
        ("--key", args.key.is_some(), &[Docs, Kv, Graph]),
        ("--partition", args.partition.is_some(), &[Wide]),
        ("--row", args.row.is_some(), &[Wide]),
        ("--column", !args.columns.is_empty(), &[Wide]),
        ("--from", args.from.is_some(), &[Graph]),
        ("--to", args.to.is_some(), &[Graph]),
        ("--kind", args.kind.is_some(), &[Graph]),
        ("--at", args.at.is_some(), &[Wide, Graph]),
    ];
    for (flag, given, models) in flags {
        if given && !models.contains(&args.target.model) {
            let model = args.target.model.as_str();
            return fail(format!("{flag} does not go with {model}/…"))
                .hint("pando import --help shows an example of each target")
                .usage()
                .err();
        }
    }
    Ok(())
}

/// Refuses a CSV header that lacks a field which every record must have.
pub fn check_header(recipe: &dyn Recipe, file: &str, header: &Header) -> anyhow::Result<()> {
    let Some(columns) = header else { return Ok(()) };
    let missing = |name: &&str| !columns.iter().any(|column| column == name);
    match recipe.needed().into_iter().find(missing) {
        None => Ok(()),
        Some(name) => fail(format!("{file}:1: there is no header `{name}`"))
            .hint(format!("the headers are: {}", columns.join(", ")))
            .err(),
    }
}

fn usage(message: &str, hint: &str) -> anyhow::Error {
    fail(message).hint(hint).usage().into()
}
