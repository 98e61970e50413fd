//! JSON patch (RFC 6902).
//!
//! A patch is read whole before anything is done, and worked on a tree of its own: it applies
//! whole or not at all. What its operations may cost is bounded, because `copy` can double a
//! document with every forty bytes of patch.

mod fault;

pub use fault::{PatchError, PatchErrorKind, PatchLimits};

use super::pointer::{Miss, MissKind, Pointer, index_of, place_of, shortened};
use super::scan::{DEPTH_MAX, scan};
use super::tree::{Node, TreeBuilder, place_of_key};
use std::borrow::Cow;
use std::fmt;

/// How many operations a patch may have.
pub const OPERATIONS_MAX: usize = 10_000;

/// How many values the operations of a patch may visit in what they move, and shift in arrays and
/// objects, taken together: about a gigabyte of memory is moved by then.
const STEPS_MAX: usize = 20_000_000;

/// `target` changed by a JSON patch, as canonical text ([`super::canonical`]). Numbers are equal to
/// `test` if they are equal, however they are written. Errors name the operation and its path.
pub fn json_patch(target: &str, patch: &str, limits: &PatchLimits) -> Result<String, PatchError> {
    let patch = scan(patch, TreeBuilder).map_err(PatchError::not_json)?;
    let operations = Operation::read_all(patch)?;
    let root = scan(target, TreeBuilder).map_err(PatchError::target)?;
    let mut work = Work {
        root,
        copied_bytes_left: limits.bytes_max,
        copied_values_left: limits.values_max,
        steps_left: STEPS_MAX,
    };
    for (index, operation) in operations.into_iter().enumerate() {
        let name = operation.to_string();
        work.apply(operation)
            .map_err(|error| error.at(index, name))?;
    }
    limits.check_result(work.root.to_text())
}

/// Refuses what is no JSON patch, whatever document it is for.
pub fn check_json_patch(patch: &str) -> Result<(), PatchError> {
    let patch = scan(patch, TreeBuilder).map_err(PatchError::not_json)?;
    Operation::read_all(patch).map(drop)
}

/// Whether a patch has a `test`, which tells what a document holds; refuses what is no JSON patch.
pub fn json_patch_tests(patch: &str) -> Result<bool, PatchError> {
    let patch = scan(patch, TreeBuilder).map_err(PatchError::not_json)?;
    let operations = Operation::read_all(patch)?;
    let mut actions = operations.iter().map(|operation| &operation.action);
    Ok(actions.any(|action| matches!(action, Action::Test(_))))
}

struct Operation<'a> {
    path: Pointer,
    action: Action<'a>,
}

enum Action<'a> {
    Add(Node<'a>),
    Remove,
    Replace(Node<'a>),
    Move(Pointer),
    Copy(Pointer),
    Test(Node<'a>),
}

impl<'a> Operation<'a> {
    fn read_all(patch: Node<'a>) -> Result<Vec<Operation<'a>>, PatchError> {
        let Node::Array(operations) = patch else {
            return Err(malformed(
                "a JSON patch is an array of operations, [{\"op\": …, \"path\": …}, …]",
            ));
        };
        if operations.len() > OPERATIONS_MAX {
            return Err(PatchError::new(
                PatchErrorKind::TooLarge,
                format!(
                    "the patch has {} operations; {OPERATIONS_MAX} are allowed",
                    operations.len()
                ),
            ));
        }
        let read =
            |(index, node)| Operation::read(node).map_err(|(what, error)| error.at(index, what));
        operations.into_iter().enumerate().map(read).collect()
    }

    /// Reads one; a fault comes with what could be told of the operation.
    fn read(node: Node<'a>) -> Result<Operation<'a>, (String, PatchError)> {
        let unnamed = |message: &str| ("?".to_owned(), malformed(message));
        let Node::Object(pairs) = node else {
            return Err(unnamed("an operation is an object with op and path"));
        };
        let mut members = Members::default();
        for (key, value) in pairs {
            match (key.as_ref(), value) {
                ("op", Node::String(text)) => members.op = Some(text),
                ("path", Node::String(text)) => members.path = Some(text),
                ("from", Node::String(text)) => members.from = Some(text),
                ("op", _) => return Err(unnamed("op is not a string")),
                ("path", _) => return Err(unnamed("path is not a string")),
                ("from", _) => return Err(unnamed("from is not a string")),
                ("value", value) => members.value = Some(value),
                // Section 4: members that are not defined are ignored.
                _ => {}
            }
        }
        let op = members.op.take().ok_or_else(|| unnamed("op is missing"))?;
        let name = match &members.path {
            Some(path) => format!("{} {}", shortened(&op), shortened(path)),
            None => shortened(&op),
        };
        members.operation(&op).map_err(|error| (name, error))
    }
}

impl fmt::Display for Operation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match &self.action {
            Action::Add(_) => write!(f, "add {path}"),
            Action::Remove => write!(f, "remove {path}"),
            Action::Replace(_) => write!(f, "replace {path}"),
            Action::Move(from) => write!(f, "move {from} to {path}"),
            Action::Copy(from) => write!(f, "copy {from} to {path}"),
            Action::Test(_) => write!(f, "test {path}"),
        }
    }
}

/// An operation's members as they were given.
#[derive(Default)]
struct Members<'a> {
    op: Option<Cow<'a, str>>,
    path: Option<Cow<'a, str>>,
    from: Option<Cow<'a, str>>,
    value: Option<Node<'a>>,
}

impl<'a> Members<'a> {
    fn operation(self, op: &str) -> Result<Operation<'a>, PatchError> {
        let path = pointer("path", self.path)?;
        let value = self.value.ok_or_else(|| malformed("value is missing"));
        let action = match op {
            "add" => Action::Add(value?),
            "remove" => Action::Remove,
            "replace" => Action::Replace(value?),
            "test" => Action::Test(value?),
            "copy" => Action::Copy(pointer("from", self.from)?),
            "move" => {
                let from = pointer("from", self.from)?;
                if from.is_proper_prefix_of(&path) {
                    return Err(malformed("a value cannot be moved into itself"));
                }
                Action::Move(from)
            }
            _ => {
                return Err(malformed(
                    "there is no such op; there are add, remove, replace, move, copy and test",
                ));
            }
        };
        Ok(Operation { path, action })
    }
}

fn pointer(name: &str, text: Option<Cow<'_, str>>) -> Result<Pointer, PatchError> {
    let text = text.ok_or_else(|| malformed(format!("{name} is missing")))?;
    Pointer::parse(&text).ok_or_else(|| {
        malformed(format!(
            "{name} is no JSON pointer: it is empty or begins with /, and ~ is written ~0, / in a name ~1"
        ))
    })
}

fn malformed(message: impl Into<String>) -> PatchError {
    PatchError::new(PatchErrorKind::Malformed, message)
}

fn too_large(message: impl Into<String>) -> PatchError {
    PatchError::new(PatchErrorKind::TooLarge, message)
}

/// The document on its way, and what may still be spent.
struct Work<'a> {
    root: Node<'a>,
    copied_bytes_left: usize,
    copied_values_left: usize,
    steps_left: usize,
}

impl<'a> Work<'a> {
    fn apply(&mut self, operation: Operation<'a>) -> Result<(), PatchError> {
        let path = &operation.path;
        match operation.action {
            Action::Add(value) => self.add(path, value),
            Action::Remove => self.remove(path).map(drop),
            Action::Replace(value) => {
                self.check_depth(path, &value)?;
                *path
                    .find_mut(&mut self.root)
                    .map_err(|miss| nowhere(path, &miss))? = value;
                Ok(())
            }
            Action::Move(from) if from == *path => from
                .find(&self.root)
                .map(drop)
                .map_err(|miss| nowhere(&from, &miss)),
            Action::Move(from) => {
                let value = self.remove(&from)?;
                self.add(path, value)
            }
            Action::Copy(from) => {
                let value = self.copy(&from)?;
                self.add(path, value)
            }
            Action::Test(value) => self.test(path, &value),
        }
    }

    fn add(&mut self, path: &Pointer, value: Node<'a>) -> Result<(), PatchError> {
        self.check_depth(path, &value)?;
        let Some(parent) = path.find_parent_mut(&mut self.root) else {
            self.root = value;
            return Ok(());
        };
        let (parent, token) = parent.map_err(|miss| nowhere(path, &miss))?;
        let last = |why| {
            let reached = path.tokens.len() - 1;
            nowhere(path, &Miss { reached, why })
        };
        match parent {
            Node::Array(items) => {
                let at = match index_of(token) {
                    _ if token == "-" => items.len(),
                    Some(at) if at <= items.len() => at,
                    Some(_) => return Err(last(MissKind::Index(items.len()))),
                    None => return Err(last(MissKind::NotAnIndex)),
                };
                spend(&mut self.steps_left, items.len() - at)?;
                items.insert(at, value);
            }
            Node::Object(pairs) => match place_of_key(pairs, token) {
                Ok(at) => pairs[at].1 = value,
                Err(at) => {
                    spend(&mut self.steps_left, pairs.len() - at)?;
                    pairs.insert(at, (Cow::Owned(token.to_owned()), value));
                }
            },
            _ => return Err(last(MissKind::Scalar)),
        }
        Ok(())
    }

    fn remove(&mut self, path: &Pointer) -> Result<Node<'a>, PatchError> {
        let Some(parent) = path.find_parent_mut(&mut self.root) else {
            return Err(PatchError::new(
                PatchErrorKind::Inapplicable,
                "the whole document cannot be removed by a patch; DELETE it",
            ));
        };
        let (parent, token) = parent.map_err(|miss| nowhere(path, &miss))?;
        let reached = path.tokens.len() - 1;
        let at = place_of(parent, token).map_err(|why| nowhere(path, &Miss { reached, why }))?;
        match parent {
            Node::Array(items) => {
                spend(&mut self.steps_left, items.len() - at)?;
                Ok(items.remove(at))
            }
            Node::Object(pairs) => {
                spend(&mut self.steps_left, pairs.len() - at)?;
                Ok(pairs.remove(at).1)
            }
            _ => {
                let why = MissKind::Scalar;
                Err(nowhere(path, &Miss { reached, why }))
            }
        }
    }

    fn copy(&mut self, from: &Pointer) -> Result<Node<'a>, PatchError> {
        let value = from.find(&self.root).map_err(|miss| nowhere(from, &miss))?;
        let values = value.weight().values;
        spend(&mut self.steps_left, values)?;
        let beyond = || too_large("the patch copies more than a document may hold");
        // Counted before they are there: what is copied again and again grows by doubling.
        self.copied_values_left = self
            .copied_values_left
            .checked_sub(values)
            .ok_or_else(beyond)?;
        self.copied_bytes_left = self
            .copied_bytes_left
            .checked_sub(value.text_bytes())
            .ok_or_else(beyond)?;
        Ok(value.clone())
    }

    /// Whether a value may lie there without the document getting too deep.
    fn check_depth(&mut self, path: &Pointer, value: &Node<'_>) -> Result<(), PatchError> {
        let weight = value.weight();
        spend(&mut self.steps_left, weight.values)?;
        if path.tokens.len() + weight.depth <= DEPTH_MAX {
            return Ok(());
        }
        Err(too_large(format!(
            "the document would be nested more than {DEPTH_MAX} levels deep"
        )))
    }

    fn test(&self, path: &Pointer, expected: &Node<'_>) -> Result<(), PatchError> {
        let found = path.find(&self.root).map_err(|miss| nowhere(path, &miss))?;
        if found == expected {
            return Ok(());
        }
        let message = format!("found {}, not {}", brief(found), brief(expected));
        Err(PatchError::new(PatchErrorKind::TestFailed, message))
    }
}

/// A value for an error; a long one by its kind only, because writing it out costs what it is long.
fn brief(node: &Node<'_>) -> String {
    match node {
        Node::Array(items) if !items.is_empty() => format!("an array of {} items", items.len()),
        Node::Object(pairs) if !pairs.is_empty() => {
            format!("an object of {} members", pairs.len())
        }
        scalar => shortened(&scalar.to_text()),
    }
}

fn spend(left: &mut usize, steps: usize) -> Result<(), PatchError> {
    *left = left.checked_sub(steps).ok_or_else(|| {
        too_large("the patch moves too many values about; send the whole document")
    })?;
    Ok(())
}

/// A path that leads nowhere: which part of it does, and why.
fn nowhere(path: &Pointer, miss: &Miss) -> PatchError {
    let at = path.prefix(miss.reached);
    let token = path.tokens.get(miss.reached).map_or("", String::as_str);
    let token = shortened(token);
    let message = match miss.why {
        MissKind::Member => format!("{at} has no member \"{token}\""),
        MissKind::Index(len) => format!("{at} has {len} items, and none at {token}"),
        MissKind::NotAnIndex => {
            format!("{at} is an array, and \"{token}\" is no index of one")
        }
        MissKind::Scalar => format!("{at} is neither an object nor an array"),
    };
    PatchError::new(PatchErrorKind::Inapplicable, message)
}

#[cfg(test)]
mod tests;
