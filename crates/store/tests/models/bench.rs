//! A store whose clock stands still, and a way to carry operations out.

use crate::concluded::concluded;
use pando_model::clock::ManualClock;
use pando_model::error::Refusal;
use pando_store::config::Family;
use pando_store::error::StoreError;
use pando_store::operation::Operation;
use pando_store::wide::{Partition, Put, RowKey, RowList, RowRange, Selector, Wanted, WideRow};
use pando_store::{Store, StoreConfig};
use std::sync::Arc;
use std::time::Duration;

/// When it is.
pub const NOW: i64 = 1_800_000_000_000_000;

/// A store.
pub struct Bench {
    pub store: Arc<Store>,
    pub clock: Arc<ManualClock>,
    /// Last, because it takes the engine's files with it.
    _shard: crate::Shard,
}

impl Bench {
    /// Lists hold four; of `weather` the family `obs` keeps three versions, and `live` a cell
    /// for ten seconds.
    pub async fn new() -> Bench {
        let clock = Arc::new(ManualClock::new(NOW));
        let shard = crate::shard(&clock);
        let family = |name: &str, versions, ttl| {
            let ttl = Option::map(ttl, Duration::from_secs);
            (
                ("weather".into(), String::from(name)),
                Family { ttl, versions },
            )
        };
        let config = StoreConfig {
            max_rows: 4,
            families: [family("obs", 3, None), family("live", 1, Some(10))].into(),
            ..StoreConfig::default()
        };
        let engine = Arc::clone(&shard.engine);
        let store = Store::open(engine, clock.clone(), config).await.unwrap();
        Bench {
            store,
            clock,
            _shard: shard,
        }
    }

    /// Carries an operation out: a read by itself, a write as one.
    pub async fn run<T: Send + 'static>(&self, operation: Operation<T>) -> Result<T, StoreError> {
        concluded(&self.store, operation).await
    }

    /// The operation is refused with this code.
    pub async fn refused<T: Send + 'static>(&self, operation: Operation<T>, code: &str) -> Refusal {
        match self.run(operation).await {
            Err(StoreError::Refused(refusal)) => {
                assert_eq!(refusal.code, code, "{refusal:?}");
                refusal
            }
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("it was not refused"),
        }
    }

    /// Writes cells of a row of `weather`; tells whether it is new.
    pub async fn put(&self, row: &str, cells: &[(&str, &str)], at_us: Option<i64>) -> bool {
        self.put_for(row, cells, at_us, None).await
    }

    pub async fn put_for(
        &self,
        row: &str,
        cells: &[(&str, &str)],
        at_us: Option<i64>,
        ttl_us: Option<u64>,
    ) -> bool {
        let put = put(cells, at_us, ttl_us);
        let operation = self.store.wide_put(&key(row), put, Default::default());
        self.run(operation.unwrap()).await.unwrap()
    }

    /// A row of `weather`, as text.
    pub async fn get(&self, row: &str, columns: &[&str], versions: u32) -> String {
        let operation = self.store.wide_get(&key(row), &wanted(columns, versions));
        let found = self.run(operation.unwrap()).await.unwrap();
        found.map_or("-".into(), |row| text(&row))
    }

    pub async fn slice(&self, range: &RowRange, columns: &[&str], versions: u32) -> RowList {
        let wanted = wanted(columns, versions);
        let operation = self.store.wide_slice(&partition(), range, &wanted);
        self.run(operation.unwrap()).await.unwrap()
    }
}

pub fn put(cells: &[(&str, &str)], at_us: Option<i64>, ttl_us: Option<u64>) -> Put {
    let cells = cells
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()));
    Put {
        cells: cells.collect(),
        at_us,
        ttl: ttl_us.map(Duration::from_micros),
    }
}

pub fn partition() -> Partition {
    Partition::new("weather", "JFK").unwrap()
}

pub fn key(row: &str) -> RowKey {
    partition().row(row).unwrap()
}

pub fn wanted(columns: &[&str], versions: u32) -> Wanted {
    let columns = columns.iter().map(|name| Selector::parse(name).unwrap());
    Wanted {
        columns: columns.collect(),
        versions: Some(versions),
    }
}

/// `010 obs:temp=10@5,9@4 wind:dir=1@5`, with times from [`NOW`] on.
pub fn text(row: &WideRow) -> String {
    let mut text = row.row.clone();
    for column in &row.columns {
        let versions = column.versions.iter();
        let versions: Vec<_> = versions
            .map(|cell| format!("{}@{}", cell.value, cell.at_us - NOW))
            .collect();
        let (family, qualifier) = (&column.family, &column.qualifier);
        text += &format!(" {family}:{qualifier}={}", versions.join(","));
    }
    text
}
