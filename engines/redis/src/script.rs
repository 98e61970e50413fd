//! What is done in Redis in one step: scripts, asked for by their hash.
//!
//! Positions are compared byte by byte: Lua's `<` on strings goes by the server's locale.

use crate::connect::Connection;
use crate::key::Place;
use crate::record;
use pando_model::level2::Lease;
use redis::{Cmd, ErrorKind, RedisResult, Script, ServerErrorKind, Value};
use std::time::Duration;

/// `later(a, b)`: the position at the beginning of `a` is later than that of `b`.
const LATER: &str = r"
local function later(a, b)
  for i = 1, 12 do
    local x, y = a:byte(i), b:byte(i)
    if x ~= y then return x > y end
  end
  return false
end
";

/// Keys: the record. Arguments: a record, and for how many milliseconds.
const PUT: &str = r"
local there = redis.call('GETRANGE', KEYS[1], 0, 11)
if #there == 12 and later(there, ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
";

/// Keys: the record. Arguments: a position.
const INVALIDATE: &str = r"
local there = redis.call('GETRANGE', KEYS[1], 0, 11)
if #there < 12 or later(ARGV[1], there) then return redis.call('UNLINK', KEYS[1]) end
return 0
";

/// Keys: the record, the lease. Arguments: the holder, for how many milliseconds, and the
/// position of what is of no use, or nothing.
const LEASE: &str = r"
local there = redis.call('GETRANGE', KEYS[1], 0, 11)
if #there == 12 and (ARGV[3] == '' or later(there, ARGV[3])) then
  return {'newer', redis.call('GET', KEYS[1])}
end
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[1] then return {'held', redis.call('PTTL', KEYS[2])} end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return {'granted', 0}
";

/// Keys: the lease. Arguments: the holder.
const RELEASE: &str = r"
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
";

/// The scripts, with their hashes.
#[derive(Debug)]
pub(crate) struct Scripts {
    put: Source,
    invalidate: Source,
    lease: Source,
    release: Source,
}

/// A script's text, and its hash.
#[derive(Debug)]
pub(crate) struct Source {
    code: String,
    hash: String,
}

/// A script, and what it is told.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    source: &'a Source,
    keys: Vec<&'a [u8]>,
    arguments: Vec<Vec<u8>>,
}

impl Scripts {
    pub(crate) fn new() -> Scripts {
        let source = |code: &str| Source::new(&format!("{LATER}{code}"));
        Scripts {
            put: source(PUT),
            invalidate: source(INVALIDATE),
            lease: source(LEASE),
            release: source(RELEASE),
        }
    }

    pub(crate) fn put<'a>(&'a self, place: &'a Place, record: &[u8], keep_ms: u64) -> Run<'a> {
        let arguments = vec![record.to_vec(), keep_ms.to_string().into_bytes()];
        Run {
            source: &self.put,
            keys: vec![&place.record],
            arguments,
        }
    }

    pub(crate) fn invalidate<'a>(&'a self, place: &'a Place, at: &[u8]) -> Run<'a> {
        Run {
            source: &self.invalidate,
            keys: vec![&place.record],
            arguments: vec![at.to_vec()],
        }
    }

    pub(crate) fn lease<'a>(
        &'a self,
        place: &'a Place,
        holder: &[u8],
        span_ms: u64,
        past: &[u8],
    ) -> Run<'a> {
        let span = span_ms.to_string().into_bytes();
        Run {
            source: &self.lease,
            keys: vec![&place.record, &place.lease],
            arguments: vec![holder.to_vec(), span, past.to_vec()],
        }
    }

    pub(crate) fn release<'a>(&'a self, place: &'a Place, holder: &[u8]) -> Run<'a> {
        Run {
            source: &self.release,
            keys: vec![&place.lease],
            arguments: vec![holder.to_vec()],
        }
    }
}

impl Source {
    pub(crate) fn new(code: &str) -> Source {
        Source {
            code: code.to_owned(),
            hash: Script::new(code).get_hash().to_owned(),
        }
    }
}

impl<'a> Run<'a> {
    pub(crate) fn of(source: &'a Source, keys: Vec<&'a [u8]>, arguments: Vec<Vec<u8>>) -> Run<'a> {
        Run {
            source,
            keys,
            arguments,
        }
    }
}

impl Run<'_> {
    /// By its hash; where Redis does not know it, having begun anew, by its text.
    pub(crate) async fn run(&self, mut connection: Connection) -> RedisResult<Value> {
        let by_hash = self.command("EVALSHA", &self.source.hash);
        match by_hash.query_async(&mut connection).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                let by_text = self.command("EVAL", &self.source.code);
                by_text.query_async(&mut connection).await
            }
            done => done,
        }
    }

    fn command(&self, verb: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(verb);
        command.arg(script).arg(self.keys.len());
        for key in &self.keys {
            command.arg(*key);
        }
        for argument in &self.arguments {
            command.arg(&argument[..]);
        }
        command
    }
}

/// What the script of leases says.
pub(crate) fn read_lease(said: Value, body_bytes_max: usize) -> Option<Lease> {
    let Value::Array(parts) = said else {
        return None;
    };
    let [Value::BulkString(word), rest] = <[Value; 2]>::try_from(parts).ok()? else {
        return None;
    };
    match (&word[..], rest) {
        (b"granted", _) => Some(Lease::Granted),
        // Without an end it is none of ours, and is asked for again at once.
        (b"held", Value::Int(ms)) => Some(Lease::Held(Duration::from_millis(
            u64::try_from(ms).unwrap_or(0),
        ))),
        // What cannot be taken is no answer: he may load, and others with him.
        (b"newer", Value::BulkString(bytes)) => {
            Some(record::read(bytes, body_bytes_max).map_or(Lease::Granted, Lease::Newer))
        }
        _ => None,
    }
}
