//! What clients were told, and whether it may be.

use crate::clients::{CLIENTS, Client, ROWS_MAX};
use crate::cluster::{Found, WRITE_BUFFER};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// So long it may take from one acknowledged write of anybody's to the next before it counts as
/// a time without writes.
const PAUSE: Duration = Duration::from_millis(250);

/// What clients were told.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub writes: u64,
    pub reads: u64,
    /// Requests that failed, by what they were and what was said.
    pub failed: BTreeMap<String, u64>,
    pub unknown: u64,
    /// What may never be.
    pub wrong: Vec<String>,
    pub slowest_read: Duration,
    pub slowest_write: Duration,
    pub soonest_refusal: Option<Duration>,
}

/// What came of a load.
pub struct Report {
    pub clients: Vec<Client>,
    pub told: Told,
    pub without_writes: Duration,
}

impl Told {
    pub fn fail(&mut self, what: &str, status: u16, code: &str) {
        let cause = format!("{what} {status} {code}");
        *self.failed.entry(cause).or_default() += 1;
    }

    pub fn add(&mut self, other: &Told) {
        self.writes += other.writes;
        self.reads += other.reads;
        self.unknown += other.unknown;
        self.wrong.extend(other.wrong.iter().cloned());
        self.slowest_read = self.slowest_read.max(other.slowest_read);
        self.slowest_write = self.slowest_write.max(other.slowest_write);
        self.soonest_refusal = [self.soonest_refusal, other.soonest_refusal]
            .into_iter()
            .flatten()
            .min();
        for (cause, count) in &other.failed {
            *self.failed.entry(cause.clone()).or_default() += count;
        }
    }
}

impl Report {
    /// Nothing acknowledged is lost or doubled, nothing unknown is doubled, and nobody was told
    /// what may not be.
    pub fn judge(&self, found: &Found, what: &str) {
        let mut wrong = self.told.wrong.clone();
        for client in &self.clients {
            let (counted, most) = (client.counted, client.counted + client.counted_unknown);
            let value = found.counters.get(&client.number).copied().unwrap_or(0);
            if value < counted || value > most {
                let number = client.number;
                wrong.push(format!(
                    "counter {number} is {value}, of {counted} to {most}"
                ));
            }
            let lost = client.done.iter().find(|id| !found.rows.contains(id));
            wrong.extend(lost.map(|id| format!("row {id} was acknowledged and is lost")));
        }
        for id in &found.rows {
            let number = id / ROWS_MAX;
            // Others are those of an earlier load.
            let Some(client) = self.clients.iter().find(|client| client.number == number) else {
                continue;
            };
            if !client.done.contains(id) && !client.unknown.contains(id) {
                wrong.push(format!("row {id} was refused and is there"));
            }
        }
        wrong.extend(found.unsound.iter().cloned());
        // Who is told to come back was kept waiting for all of the buffer's time, but for a second
        // that clocks and queues may take.
        let early = self.told.soonest_refusal;
        let early = early.filter(|after| *after + Duration::from_secs(1) < WRITE_BUFFER);
        wrong.extend(early.map(|after| format!("a write was refused after {after:?}")));
        let some: Vec<_> = wrong.iter().take(10).collect();
        assert!(
            wrong.is_empty(),
            "{what}: {} wrongs: {some:#?}",
            wrong.len()
        );
        assert!(
            self.told.writes > 3 * CLIENTS,
            "{what}: too little to mean anything"
        );
    }

    /// No write was refused, and nobody waited longer for one than `longest`.
    pub fn holds_without_refusals(&self, longest: Duration) {
        assert_eq!(self.told.failed, BTreeMap::new());
        assert!(self.without_writes <= longest, "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = &self.told;
        let pause = match self.without_writes < PAUSE {
            true => "none".to_owned(),
            false => format!("{:.1?}", self.without_writes),
        };
        write!(
            f,
            "{} writes, {} reads; without writes: {pause}; slowest write {:.1?}, read {:.1?}; \
             unknown {}; failed {:?}",
            told.writes,
            told.reads,
            told.slowest_write,
            told.slowest_read,
            told.unknown,
            told.failed
        )
    }
}
