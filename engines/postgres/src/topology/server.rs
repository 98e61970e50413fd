//! One server: its connections, and what was last known of it.

use crate::config::PostgresConfig;
use crate::fault::{Fault, Step};
use crate::points::{Points, Went};
use crate::pool::Pool;
use crate::session::Session;
use crate::shard::ShardRow;
use crate::short;
use crate::tls::{Origin, Place, Target};
use pando_model::engine::Read;
use pando_model::plan::RowSet;
use pando_model::stamp::Position;
use parking_lot::Mutex;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// The latest read counts for one in so many of the mean latency.
const LATENCY_WEIGHT: u64 = 8;
/// What is known of the latency is worth half as much each time that so long passes without a
/// read: a server that was slow once is tried again.
const LATENCY_HALF_LIFE: Duration = Duration::from_millis(200);
/// A copy that was just asked in the hope that it has caught up, and had not, is given so long.
const HOPE_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// What a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Not known: it does not answer, or has not yet.
    Unknown,
    /// It takes writes; PostgreSQL's own timeline.
    Primary(u32),
    /// It replays what the primary has written.
    Replica,
}

/// What was last known of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) role: Role,
    /// How far it has got, at least.
    pub(crate) at: Position,
    /// It had at that time all that the primary had: no older than this.
    pub(crate) fresh_at: Option<Instant>,
    missed: Option<Instant>,
}

/// A server of the shard.
pub(crate) struct Server {
    /// `host:port`, as it is told.
    pub(crate) name: String,
    pub(crate) origin: Origin,
    pub(crate) target: Target,
    pub(crate) readers: Arc<Pool>,
    points: Arc<Points>,
    pub(crate) writer: Arc<Pool>,
    /// Woken where somebody has reason to doubt what is known.
    pub(crate) doubted: Notify,
    standing: Mutex<Standing>,
    /// It was found to hold another database, and that was told.
    is_stranger: AtomicBool,
    /// Nobody names it any more.
    is_dropped: AtomicBool,
    /// The last look at it failed because it has no connection left.
    is_full: AtomicBool,
    in_flight: AtomicUsize,
    latency: Mutex<Latency>,
}

/// The mean latency of reads, by an exponentially weighted moving average.
#[derive(Clone, Copy, Debug)]
struct Latency {
    mean_us: u64,
    taken: Instant,
}

impl Server {
    pub(crate) fn new(place: Place, config: &PostgresConfig) -> Server {
        let Place {
            name,
            origin,
            target,
        } = place;
        let readers = Pool::new(target.clone(), config, config.readers);
        Server {
            name,
            origin,
            points: Points::new(readers.clone()),
            readers,
            writer: Pool::new(target.clone(), config, 1),
            target,
            doubted: Notify::new(),
            standing: Mutex::new(Standing {
                role: Role::Unknown,
                at: Position { timeline: 0, p: 0 },
                fresh_at: None,
                missed: None,
            }),
            is_stranger: AtomicBool::new(false),
            is_dropped: AtomicBool::new(false),
            is_full: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            latency: Mutex::new(Latency {
                mean_us: 0,
                taken: Instant::now(),
            }),
        }
    }

    pub(crate) fn standing(&self) -> Standing {
        *self.standing.lock()
    }

    pub(crate) fn is_up(&self) -> bool {
        self.standing.lock().role != Role::Unknown
    }

    /// Keeps what a look at it has shown; whether its role is another one than before.
    pub(crate) fn learn(&self, role: Role, at: Position) -> bool {
        self.is_stranger.store(false, Relaxed);
        self.is_full.store(false, Relaxed);
        let mut standing = self.standing.lock();
        let changed = standing.role != role;
        standing.role = role;
        // A server that is built anew may have got less far than it had.
        standing.at = at;
        changed
    }

    /// It holds another database. Whether that is news.
    pub(crate) fn is_new_as_stranger(&self) -> bool {
        !self.is_stranger.swap(true, Relaxed)
    }

    /// Nobody names it any more: it is looked at no longer, and gives nobody a connection. Reads
    /// that are under way go on.
    pub(super) fn drop_out(&self) {
        self.is_dropped.store(true, Relaxed);
        self.forget();
        self.readers.close();
        self.writer.close();
        self.doubted.notify_one();
    }

    /// A look at it failed; whether because it has no connection left.
    pub(super) fn note_full(&self, is_full: bool) {
        self.is_full.store(is_full, Relaxed);
    }

    pub(super) fn is_full(&self) -> bool {
        self.is_full.load(Relaxed)
    }

    pub(super) fn is_dropped(&self) -> bool {
        self.is_dropped.load(Relaxed)
    }

    /// It has got as far as this, as an answer of its own shows.
    pub(crate) fn reach(&self, at: Position) {
        let mut standing = self.standing.lock();
        standing.at = standing.at.max(at);
    }

    /// It had all that the primary had at that time.
    pub(crate) fn was_fresh(&self, when: Instant) {
        self.standing.lock().fresh_at = Some(when);
    }

    /// It had not got as far as was hoped.
    pub(crate) fn miss(&self) {
        self.standing.lock().missed = Some(Instant::now());
    }

    /// Whether it may have got further than is known, and is worth being asked.
    pub(crate) fn is_hopeful(&self, within: Duration) -> bool {
        let standing = self.standing();
        standing.fresh_at.is_some_and(|at| at.elapsed() <= within)
            && standing
                .missed
                .is_none_or(|missed| missed.elapsed() >= HOPE_AGAIN_AFTER)
    }

    /// It does not answer: whoever waits for it is let go. Whether it was thought to.
    pub(crate) fn fall(&self) -> bool {
        let was_up = self.forget();
        self.sever();
        was_up
    }

    /// Whoever waits on a connection is let go; new ones are made.
    pub(crate) fn sever(&self) {
        self.readers.sever();
        self.writer.sever();
    }

    /// What it does is not known any more. Whether it was.
    pub(crate) fn forget(&self) -> bool {
        let was = std::mem::replace(&mut self.standing.lock().role, Role::Unknown);
        was != Role::Unknown
    }

    /// What it would cost to ask it: how long it takes, times those who wait already.
    pub(crate) fn load(&self) -> u64 {
        let waiting = self.in_flight.load(Relaxed) as u64 + 1;
        let Latency { mean_us, taken } = *self.latency.lock();
        let since = taken.elapsed();
        let mean_us = match waiting {
            1 => mean_us >> (since.as_millis() / LATENCY_HALF_LIFE.as_millis()).min(63),
            // Those who wait have waited for so long already, or less.
            _ => mean_us.max(u64::try_from(since.as_micros()).unwrap_or(u64::MAX)),
        };
        mean_us.max(1).saturating_mul(waiting)
    }

    /// Reads on one of its connections, on a thread that may block; gives up as soon as it is
    /// thought to be gone.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Session) -> Step<T> + Send + 'static,
    ) -> Step<T> {
        self.measure(self.readers.run(work)).await
    }

    /// The same for what is one statement and needs no thread; together with others that are like
    /// it, where there are some.
    pub(crate) async fn read_short(&self, read: &Read) -> Step<(RowSet, ShardRow)> {
        let reading = async {
            let _alone = match self.points.read(read).await? {
                Went::Together(rows, shard) => return Ok((rows, shard)),
                Went::Alone(alone) => alone,
            };
            let lease = self.readers.lease().await?;
            let wire = lease.wire()?;
            let done = short::carry_out(wire, read).await;
            if done.as_ref().is_err_and(Fault::is_about_the_tables) {
                wire.forget_statements();
            }
            done
        };
        self.measure(reading).await
    }

    /// Counts a read while it is under way, and takes its time.
    async fn measure<T>(&self, reading: impl Future<Output = Step<T>>) -> Step<T> {
        let begun = Instant::now();
        self.in_flight.fetch_add(1, Relaxed);
        let counted = Counted(&self.in_flight);
        let done = self.readers.unless_severed(reading).await;
        drop(counted);
        if done.is_ok() {
            let took_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            let mut latency = self.latency.lock();
            latency.mean_us = match latency.mean_us {
                0 => took_us,
                mean_us => mean_us - mean_us / LATENCY_WEIGHT + took_us / LATENCY_WEIGHT,
            };
            latency.taken = Instant::now();
        } else if self.is_dropped() {
            // It was let go meanwhile: another one answers.
            return Err(lost(&self.name));
        }
        done
    }
}

/// One read under way, also where nobody waits for it any more.
struct Counted<'s>(&'s AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// What is said where a server is gone.
pub(crate) fn lost(server: &str) -> Fault {
    Fault::Lost(format!("the database on {server} cannot be reached"))
}
