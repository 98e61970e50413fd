//! Two web processes over one PostgreSQL and one Redis, and the ways between them.

use super::collection::{Collection, Lifetime, Visit};
use crate::site::{cache_of, wait_until_following};
use crate::support::Server;
use pando_cluster::{Cut, Faults, Postgres, Proxy, Redis, until};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The process that writes, as a rule.
pub const A: usize = 0;
/// The one whose ways fail.
pub const B: usize = 1;
/// Nothing that is waited for takes longer.
pub const LIMIT: Duration = Duration::from_secs(60);
/// How long Redis may take.
pub const REDIS_TIMEOUT: Duration = Duration::from_millis(250);

/// All of it.
pub struct Scene {
    pub processes: Vec<Server>,
    /// The way of each process to PostgreSQL.
    pub ways: Vec<Proxy>,
    pub redis_way: Proxy,
    pub redis: Redis,
    pub postgres: Postgres,
    keys: AtomicU64,
    _folder: tempfile::TempDir,
}

impl Scene {
    /// Starts it, with these collections.
    pub async fn start(collections: &[Collection], pool: usize) -> Scene {
        let postgres = Postgres::builder().start().await.expect("start PostgreSQL");
        let redis = Redis::builder().start().await.expect("start Redis");
        let way = Proxy::start(redis.address()).await;
        let redis_way = way.expect("a way to Redis");
        let mut ways = Vec::new();
        for _ in [A, B] {
            let way = Proxy::start(postgres.address()).await;
            ways.push(way.expect("a way to PostgreSQL"));
        }
        let folder = tempfile::tempdir().expect("a folder");
        let migrations = folder.path().join("migrations");
        std::fs::create_dir(&migrations).expect("a folder");
        let tables = collections.iter().filter(|of| of.is_table());
        let tables = tables.map(|of| {
            let name = of.own_name();
            let table = format!("create table {name} (id bigint primary key, n bigint);\n");
            match of.lifetime {
                Lifetime::Long => format!(
                    "{table}create table {name}_part (id bigint primary key, \
                     whole bigint references {name} not enforced);\n"
                ),
                Lifetime::Brief | Lifetime::Kept => table,
            }
        });
        let tables: String = tables.collect();
        std::fs::write(migrations.join("0001_tables.sql"), tables).expect("a file");
        let rules: String = collections.iter().map(Collection::rule).collect();
        let redis_url = redis.url_at(redis_way.address());
        let start = |(number, way): (usize, &Proxy)| {
            let own = folder.path().join(format!("node-{number}"));
            std::fs::create_dir(&own).expect("a folder");
            let url = format!("postgres://postgres@{}/postgres", way.address());
            let text = format!(
                "[limits]\nrequest_timeout = \"6s\"\n\
                 [store]\nengine = \"postgres\"\nmigrate = true\nmigrations = \"../migrations\"\n\
                 [store.postgres]\nurl = \"{url}\"\npool = {pool}\nconnect_timeout = \"1s\"\n\
                 write_buffer = \"1s\"\n\
                 [cache]\nredis = \"{redis_url}\"\nredis_timeout = \"{}ms\"\n\
                 [cache.journal]\nflush_interval = \"50ms\"\n{rules}",
                REDIS_TIMEOUT.as_millis()
            );
            std::fs::write(own.join("pando.toml"), text).expect("a file");
            let server = Server::start_with(&own, &["--role", "web"], &[]);
            wait_until_following(&server);
            server
        };
        let started = tokio::task::block_in_place(|| ways.iter().enumerate().map(start).collect());
        Scene {
            processes: started,
            ways,
            redis_way,
            redis,
            postgres,
            keys: AtomicU64::new(1),
            _folder: folder,
        }
    }

    /// A key that nobody has used.
    pub fn new_key(&self) -> u64 {
        self.keys.fetch_add(1, Ordering::Relaxed)
    }

    /// A visit to each collection, of a key of its own.
    pub fn visits(&self, collections: &[Collection]) -> Vec<Visit> {
        let visits = collections.iter();
        visits.map(|of| Visit::new(*of, self.new_key())).collect()
    }

    /// Of a collection's cache in one process.
    pub fn count(&self, process: usize, of: Collection, name: &str) -> u64 {
        self.counts(process, of, [name])[0]
    }

    /// Several of them, as of one moment.
    pub fn counts<const N: usize>(
        &self,
        process: usize,
        of: Collection,
        names: [&str; N],
    ) -> [u64; N] {
        let cache = cache_of(&self.processes[process], &of.name());
        names.map(|name| cache[name].as_u64().expect("a count"))
    }

    /// Whether a process asks Redis at the moment.
    pub fn shared(&self, process: usize) -> String {
        let mut connection = self.processes[process].connect();
        let told = connection.ask("GET", "/admin/v1/caches", "", "").json();
        told["shared"].as_str().expect("a word").to_owned()
    }

    /// Has what is kept of a collection dropped, and waits until both processes have.
    pub fn flush(&self, process: usize, of: Collection) {
        let path = format!("/admin/v1/caches/{}/flush", of.name());
        let mut connection = self.processes[process].connect();
        let answer = connection.ask("POST", &path, "", "");
        assert_eq!(answer.status, 204, "{answer:?}");
        let began = Instant::now();
        while [A, B].iter().any(|at| self.count(*at, of, "entries") > 0) {
            assert!(began.elapsed() < LIMIT, "{} is kept", of.name());
        }
    }

    /// Nothing that was compared with the store was found to be wrong.
    pub fn is_consistent(&self, collections: &[Collection]) {
        for process in [A, B] {
            for of in collections {
                assert_eq!(self.count(process, *of, "inconsistent"), 0, "{}", of.name());
            }
        }
    }

    /// Waits until each collection's answers go from one process to the other by Redis.
    pub async fn shares(&self, collections: &[Collection], why: &str) {
        for of in collections {
            let look = async || tokio::task::block_in_place(|| self.is_shared(*of));
            let what = format!("{why}: {} shared", of.name());
            until(&what, LIMIT, look).await.expect("Redis is back");
        }
    }

    fn is_shared(&self, of: Collection) -> Result<(), &'static str> {
        let mut visit = Visit::new(of, self.new_key());
        visit.write(&self.processes[A]);
        // What is kept there goes when the flush is heard of.
        visit.read_own(&self.processes[B], "to be dropped");
        self.flush(A, of);
        visit.read_own(&self.processes[B], "to be shared");
        let before = self.count(A, of, "shared_hits");
        visit.read_own(&self.processes[A], "shared");
        match self.count(A, of, "shared_hits") > before {
            true => Ok(()),
            false => Err("it was loaded"),
        }
    }

    /// Waits until nothing waits that was written behind.
    pub async fn journal_is_applied(&self, why: &str) {
        let look = async || {
            let waiting = self
                .postgres
                .sql("select count(*) from _pando_journal")
                .await;
            match waiting.as_deref() {
                Ok("0") => Ok(()),
                other => Err(format!("{other:?} wait")),
            }
        };
        let what = format!("{why}: the journal applied");
        until(&what, LIMIT, look).await.expect("it goes on");
    }

    /// Whether a process hears the store.
    pub fn is_following(&self, process: usize) -> bool {
        let mut connection = self.processes[process].connect();
        let told = connection.ask("GET", "/admin/v1/caches", "", "").json();
        told["following"] == true
    }

    /// Refuses what comes on a way, and ends what is there.
    pub async fn cut_off(way: &Proxy) {
        way.set_refusing(true).await.expect("it refuses");
        way.cut(Cut::Reset).await;
    }

    /// Ends whatever fault there is on a way.
    pub async fn mend(way: &Proxy) {
        way.set_faults(Faults::default());
        way.set_refusing(false).await.expect("it takes in");
    }
}

/// Does something with each of them at once, and waits for all.
pub fn at_once<T: Send>(all: &mut [T], act: impl Fn(&mut T) + Sync) {
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            for one in all {
                scope.spawn(|| act(one));
            }
        });
    });
}
