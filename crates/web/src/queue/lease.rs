//! `POST …/lease`: messages for a consumer, waited for if it wants so.
//!
//! A lease that finds nothing shall not be a write, so it is looked first. With an
//! `Idempotency-Key` the first write decides: its answer is what a repetition gets, an empty one
//! included; and it is looked for before anything else, so that a repetition does not wait.

use super::apart;
use super::body::LeaseBody;
use super::given::GivenLease;
use super::news::{Count, Counted, News};
use super::waiting::{Place as Waiter, Woken};
use crate::answer::Answer;
use crate::deadline::Deadline;
use crate::error::ApiError;
use crate::gate::Caller;
use crate::idempotency;
use crate::intake::{self, Pass};
use crate::operate::{self, Asked, Done};
use crate::reply::Reply;
use crate::route::Place;
use crate::stamps;
use crate::web::Web;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use hyper::body::Body;
use pando_store::operation::Operation;
use pando_store::queue::{DEFAULT_GROUP, Leased};
use pando_store::request::Idempotency;
use pando_store::session::{Session, Stamped};
use serde::Serialize;
use std::pin::pin;
use std::time::Duration;
use tokio::time::Instant;

/// How long a broker is waited for at a time, and between two looks at least.
const BROKER_WAIT: Duration = Duration::from_secs(1);
const BROKER_LEAST: Duration = Duration::from_millis(50);

/// A request for a lease.
struct Asking<'a> {
    web: &'a Web,
    queue: &'a str,
    sent: LeaseBody,
    session: Session,
    key: Option<Idempotency>,
    news: News,
}

#[derive(Serialize)]
struct Given<'a> {
    messages: Vec<GivenLease<'a>>,
}

/// Answers it. While it waits it is none of the requests under way, of which there may be so many.
pub(crate) async fn answer<B>(
    web: &Web,
    place: &Place<'_>,
    (parts, body): (&Parts, &mut Option<B>),
    caller: &Caller,
    deadline: Deadline,
    pass: Pass<'_>,
) -> Result<Reply, ApiError>
where
    B: Body<Data = Bytes>,
{
    let body = deadline
        .for_body(pin!(intake::taken(body, web.limits().max_body)))
        .await?;
    let (method, uri, headers) = (&parts.method, &parts.uri, &parts.headers);
    let asked = Asked {
        caller,
        parts,
        body: body.clone(),
        is_part: false,
        news: &News::default(),
    };
    let name = caller.as_deref().map_or("", |key| key.id.as_str());
    let asking = Asking {
        web,
        queue: &place.name,
        sent: LeaseBody::read(&asked)?,
        session: stamps::session_of(web.store(), headers)?,
        key: idempotency::identify(name, method, uri, headers, &body)?,
        news: News::default(),
    };
    let claim = asking.key.as_ref().map(|key| web.under_way().claim(key));
    let _claim = claim.transpose()?;
    let done = asking.messages(deadline, pass).await;
    let done = done.map_err(|error| operate::with_key(error, headers))?;
    asking.news.tell(web);
    Ok(operate::reply_to(web, done, headers))
}

impl Asking<'_> {
    async fn messages(&self, deadline: Deadline, pass: Pass<'_>) -> Result<Done, ApiError> {
        self.web.store().queue_ensure(self.queue).await?;
        if let Some(done) = self.done_before(deadline).await? {
            return Ok(done);
        }
        if self.web.store().queue_is_brokered(self.queue) {
            return self.lease_anywhere(pass).await;
        }
        if self.sent.wait.is_zero() {
            return match self.look(deadline).await? {
                // With a key it is written down that there was nothing.
                (false, stamped) if self.key.is_none() => Ok(nothing(stamped)),
                _ => Ok(self.lease(deadline).await?.0),
            };
        }
        let until = Instant::now() + self.sent.wait;
        let group = self.sent.lease.group.as_deref().unwrap_or(DEFAULT_GROUP);
        let mut waiter = self.web.waiting().enter(self.queue, group, self.max())?;
        self.wait(&mut waiter, until, deadline, pass).await
    }

    /// So many messages are all that it can get.
    fn max(&self) -> u64 {
        let rules = self.web.store().queue_rules(self.queue);
        self.sent.lease.max.unwrap_or(1).min(rules.lease_max())
    }

    async fn wait(
        &self,
        waiter: &mut Waiter<'_>,
        until: Instant,
        mut deadline: Deadline,
        pass: Pass<'_>,
    ) -> Result<Done, ApiError> {
        let (mut there_is, mut stamped) = self.look(deadline).await?;
        let mut pass = Some(pass);
        loop {
            if there_is {
                let (done, count) = self.lease(deadline).await?;
                let got = count.get();
                if got > 0 {
                    waiter.got(got >= self.max());
                }
                if got > 0 || self.key.is_some() {
                    return Ok(done);
                }
                stamped = done.stamped;
            }
            drop(pass.take());
            let woken = waiter.wait(until).await;
            deadline = self.web.deadline();
            match woken {
                Woken::Something => there_is = true,
                Woken::Again => (there_is, stamped) = self.look(deadline).await?,
                Woken::Late | Woken::Closing if self.key.is_some() => there_is = true,
                Woken::Late | Woken::Closing => return Ok(nothing(stamped)),
            }
        }
    }

    /// Leases of a queue that is, or was, on a broker. It waits there itself, a little at a time, so
    /// that a stop is not kept waiting, and a queue that moves is followed.
    async fn lease_anywhere(&self, pass: Pass<'_>) -> Result<Done, ApiError> {
        if self.key.is_some() {
            let message = "a lease from a broker is not kept under an Idempotency-Key";
            let error = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "unsupported", message);
            return Err(error.hint("Leave it out: what is not acknowledged comes again."));
        }
        let store = self.web.store();
        let until = Instant::now() + self.sent.wait;
        let mut pass = Some(pass);
        loop {
            let now = Instant::now();
            let wait = until.saturating_duration_since(now).min(BROKER_WAIT);
            let leased = store.queue_lease_anywhere(self.queue, &self.sent.lease, wait);
            let leased = leased.await?;
            let is_over = Instant::now() >= until || self.web.waiting().is_closed();
            if !leased.is_empty() || is_over {
                LeaseCounts::of(&self.news, self.queue).set(&leased);
                let high = store.engine().progress().high;
                return Ok(Done {
                    answer: given(&leased),
                    replayed: false,
                    stamped: self.session.stamped(high, false),
                    is_new: false,
                });
            }
            drop(pass.take());
            // It may have been asked where nobody waits.
            let least = until.min(now + BROKER_LEAST);
            tokio::time::sleep_until(least).await;
        }
    }

    /// What was answered to the same key before.
    async fn done_before(&self, deadline: Deadline) -> Result<Option<Done>, ApiError> {
        let Some(key) = &self.key else {
            return Ok(None);
        };
        let look = pin!(apart::done_before(self.web, self.queue, key, &self.session));
        deadline.for_write(look).await
    }

    /// Whether there is something.
    async fn look(&self, deadline: Deadline) -> Result<(bool, Stamped), ApiError> {
        let store = self.web.store();
        let look = store.queue_has_some(self.queue, &self.sent.lease)?;
        let looked = pin!(async { Ok(store.answer(&look, &self.session).await?) });
        deadline.for_read(looked).await
    }

    async fn lease(&self, deadline: Deadline) -> Result<(Done, Count), ApiError> {
        self.news.clear();
        let group = self.sent.lease.group.as_deref();
        self.web.store().queue_admit_lease(self.queue, group)?;
        let counts = LeaseCounts::of(&self.news, self.queue);
        let count = counts.all.clone();
        let lease = self.web.store().queue_lease(self.queue, &self.sent.lease)?;
        let lease = lease.map(move |leased: Vec<Leased>| {
            counts.set(&leased);
            Ok(given(&leased))
        });
        Ok((self.carry_out(lease, deadline).await?, count))
    }

    async fn carry_out(
        &self,
        operation: Operation<Answer>,
        deadline: Deadline,
    ) -> Result<Done, ApiError> {
        let key = self.key.as_ref();
        let work = pin!(operate::carry_out_keyed(
            self.web,
            operation,
            key,
            &self.session
        ));
        deadline.for_write(work).await
    }
}

/// What is counted of a lease.
struct LeaseCounts {
    all: Count,
    again: Count,
}

impl LeaseCounts {
    fn of(news: &News, queue: &str) -> LeaseCounts {
        LeaseCounts {
            all: news.counted(Counted::Leased, queue),
            again: news.counted(Counted::Retried, queue),
        }
    }

    fn set(&self, leased: &[Leased]) {
        let again = leased.iter().filter(|one| one.attempt > 1).count();
        self.all.set(leased.len() as u64);
        self.again.set(again as u64);
    }
}

fn given(leased: &[Leased]) -> Answer {
    let messages = leased.iter().map(GivenLease::of).collect();
    Answer::json(StatusCode::OK, &Given { messages })
}

fn nothing(stamped: Stamped) -> Done {
    Done {
        answer: given(&[]),
        replayed: false,
        stamped,
        is_new: false,
    }
}
