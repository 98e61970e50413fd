//! One request from head to answer: the checks in their order, the route, and
//! what every answer gets.
//!
//! This is one function on purpose: layers that each box a future cost more
//! than a point read's own work.

mod reach;

use crate::access_log::AccessLog;
use crate::admin::{self, Admin};
use crate::asyncapi;
use crate::changes;
use crate::config::{Limits, Sessions, Streams, WebConfig};
use crate::cors::Origins;
use crate::error::ApiError;
use crate::gate::{self, Exposure};
use crate::health::{self, Life, Phase};
use crate::idempotency::UnderWay;
use crate::intake::{self, Turnstile};
use crate::metrics::Metrics;
use crate::openapi::Description;
use crate::operate;
use crate::params::malformed;
use crate::queue::{self, Clock, Waiting};
use crate::reply::{self, Reply};
use crate::rest;
use crate::route::Route;
use crate::sessions::{self, Asker};
use crate::stamps::{self, StampHeaders};
use crate::topics;
use crate::tx;
use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request, StatusCode, Version};
use hyper::body::Body;
use pando_queue::changes::Changes;
use pando_queue::topics::{Topics, TopicsConfig};
use pando_store::Store;
use pando_store::keys::Surface;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;
use tracing::Instrument;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The web tier over one store.
pub struct Web {
    store: Arc<Store>,
    admin: Arc<dyn Admin>,
    limits: Limits,
    sessions: Sessions,
    streams: Streams,
    topics: Arc<Topics>,
    changes: Option<Arc<Changes>>,
    policy: ArcSwap<Policy>,
    life: Life,
    turnstile: Turnstile,
    under_way: UnderWay,
    waiting: Waiting,
    clock: Clock,
    stamps: StampHeaders,
    description: Description,
    metrics: Metrics,
    log: AccessLog,
    started: Instant,
}

/// What can change while it serves.
pub(crate) struct Policy {
    auth_required: bool,
    origins: Origins,
}

impl Web {
    /// A web tier over a store. Nothing listens yet: [`crate::serve`] does that.
    pub fn new(store: Arc<Store>, admin: Arc<dyn Admin>, config: WebConfig) -> Web {
        // Each has a connection, as a rule.
        let max_waiting = config.limits.max_connections;
        Web {
            metrics: Metrics::new(&store),
            policy: ArcSwap::from_pointee(Policy::new(&config)),
            turnstile: Turnstile::new(config.limits.max_requests),
            limits: config.limits,
            sessions: config.sessions,
            streams: config.streams,
            topics: Arc::new(Topics::new(
                TopicsConfig::default(),
                Arc::clone(store.clock()),
            )),
            changes: None,
            store,
            admin,
            life: Life::default(),
            under_way: UnderWay::default(),
            waiting: Waiting::new(max_waiting),
            clock: Clock::default(),
            stamps: StampHeaders::default(),
            description: Description::default(),
            log: AccessLog::default(),
            started: Instant::now(),
        }
    }

    /// The same, with topics of the caller's making.
    #[must_use]
    pub fn with_topics(mut self, topics: Arc<Topics>) -> Web {
        self.topics = topics;
        self
    }

    /// The same, over a store whose changes can be listened to.
    #[must_use]
    pub fn with_changes(mut self, changes: Arc<Changes>) -> Web {
        self.changes = Some(changes);
        self
    }

    /// Answers a request that came in through a listener of this exposure.
    pub async fn handle<B>(&self, request: Request<B>, exposure: Exposure) -> Reply
    where
        B: Body<Data = Bytes>,
    {
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        let route = Route::of(parts.uri.path());
        let mut body = Some(body);
        let outcome = {
            // Pinned where it lies: it has room for every kind of request, and moving that costs.
            let answer = pin!(self.answer(&parts, &mut body, &route, exposure, started));
            match parts.headers.get(TRACEPARENT) {
                Some(parent) => {
                    let span = tracing::info_span!("request", traceparent = ?parent);
                    answer.instrument(span).await
                }
                None => answer.await,
            }
        };
        let mut reply = match outcome {
            Ok(reply) => reply,
            Err(error) => self.tell(error, &route, &parts.headers),
        };
        if let Some(unread) = body
            && !intake::discard(unread).await
        {
            let close = HeaderValue::from_static("close");
            reply.headers_mut().insert(CONNECTION, close);
        }
        self.finish(&mut reply, &parts);
        let took = started.elapsed();
        self.metrics
            .count(route.label(), &parts.method, reply.status(), took);
        self.log.write(&parts, reply.status(), took);
        reply
    }

    /// Takes over what can change while it serves: whether keys are required, and origins.
    pub fn reload(&self, config: &WebConfig) {
        self.policy.store(Arc::new(Policy::new(config)));
    }

    /// How many requests are under way.
    pub fn requests_in_flight(&self) -> usize {
        self.turnstile.inside()
    }

    /// Answers a request, or refuses it. What needs much room has a place of its own, so that others
    /// need none for it: the place of an answer is made anew for each request.
    async fn answer<B>(
        &self,
        parts: &Parts,
        body: &mut Option<B>,
        route: &Route<'_>,
        exposure: Exposure,
        started: Instant,
    ) -> Result<Reply, ApiError>
    where
        B: Body<Data = Bytes>,
    {
        let pass = self.turnstile.enter(route.is_probe())?;
        self.refuse_oversized(parts)?;
        let (method, uri, headers) = (&parts.method, &parts.uri, &parts.headers);
        let (caller, is_open) = {
            let policy = self.policy.load();
            if let Some(reply) = policy.origins.preflight(method, headers) {
                return Ok(reply);
            }
            let is_open = exposure == Exposure::Loopback && !policy.auth_required;
            let request = (method, uri, headers);
            let caller = gate::admit(&self.store, is_open, &policy.origins, request, route)?;
            (caller, is_open)
        };
        intake::refuse_encoded(method, headers)?;
        let deadline = self.deadline_from(started);
        if let Route::Table(name) = route {
            return rest::table(self, name, parts, body, &caller, deadline).await;
        }
        if let Route::Model(place) = route {
            if place.surface == Surface::Queue {
                return queue::answer(self, place, (parts, body), &caller, deadline, pass).await;
            }
            return operate::answer(self, place, parts, body, &caller, deadline).await;
        }
        if let Route::Sessions(place) = route {
            let asker = Asker {
                caller: &caller,
                is_open,
            };
            let answer = sessions::answer(self, place, parts, body, asker, deadline);
            return Ok(Box::pin(answer).await);
        }
        if *route == Route::Transaction {
            return Box::pin(tx::answer(self, parts, body, &caller, deadline)).await;
        }
        if let Route::Topic(name) = route {
            return topics::answer(self, name, parts, body, &caller, deadline).await;
        }
        if let Route::Changes(table) = route {
            return changes::answer(self, table, parts, &caller, deadline).await;
        }
        if let Route::Admin(path) = route {
            let body = deadline
                .for_body(pin!(intake::taken(body, self.limits.max_body)))
                .await?;
            return Box::pin(admin::answer(self, parts, path, &body)).await;
        }
        if let Route::Rpc(name) = route {
            return Err(rest::no_such_function(name));
        }
        if *route == Route::NotText {
            let message = "a segment of the path is not UTF-8 once it is decoded";
            return Err(malformed(message).hint("Percent-encode the bytes of its UTF-8."));
        }
        if *route == Route::Nowhere {
            return Err(ApiError::no_such_path());
        }
        self.answer_fixed(method, route).await
    }

    /// The places that can only be looked at.
    async fn answer_fixed(&self, method: &Method, route: &Route<'_>) -> Result<Reply, ApiError> {
        const ALLOWED: &str = "OPTIONS,GET,HEAD";
        match *method {
            Method::GET | Method::HEAD => {}
            Method::OPTIONS => {
                let mut reply = reply::empty(StatusCode::OK);
                let headers = reply.headers_mut();
                headers.insert(ALLOW, HeaderValue::from_static(ALLOWED));
                return Ok(reply);
            }
            _ => return Err(ApiError::method(method, ALLOWED)),
        }
        Ok(match route {
            Route::Live => health::live(),
            Route::Startup => health::started(),
            Route::Ready => health::ready(&self.store, self.phase()).await,
            Route::Metrics => {
                let changes = self.changes().map(Changes::report);
                self.metrics.take_listeners(self.topics.report(), changes);
                self.metrics.take_workers(self.admin.workers());
                self.metrics.take_called(self.admin.listeners());
                let (inside, waiting) = (self.turnstile.inside(), self.waiting.count());
                self.metrics.answer(&self.store, inside, waiting).await
            }
            Route::AsyncApi => asyncapi::answer(),
            Route::RestRoot => self.description.answer(&self.store, true),
            _ => self.description.answer(&self.store, false),
        })
    }

    fn refuse_oversized(&self, parts: &Parts) -> Result<(), ApiError> {
        let uri = parts
            .uri
            .path_and_query()
            .map_or(0, |both| both.as_str().len());
        if uri > self.limits.max_uri {
            let message = format!(
                "path and query are longer than {} bytes",
                self.limits.max_uri
            );
            return Err(ApiError::new(StatusCode::URI_TOO_LONG, "uri_too_long", message).close());
        }
        let headers = &parts.headers;
        let bytes: usize = headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        if headers.len() > self.limits.max_headers || bytes > self.limits.max_header_bytes {
            return Err(ApiError::new(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "headers_too_large",
                format!(
                    "there may be {} headers of {} bytes together",
                    self.limits.max_headers, self.limits.max_header_bytes
                ),
            )
            .close());
        }
        Ok(())
    }

    /// The answer that tells an error; with a stamp where the caller was let in.
    fn tell(&self, error: ApiError, route: &Route<'_>, headers: &HeaderMap) -> Reply {
        let status = error.status_code();
        let let_in = status != StatusCode::UNAUTHORIZED && status != StatusCode::FORBIDDEN;
        let mut reply = error.into_reply();
        if let_in && route.is_data() {
            let session = stamps::session_of(&self.store, headers).unwrap_or_default();
            let stamped = session.stamped(self.store.engine().progress().high, false);
            self.stamps.put(&self.store, stamped, reply.headers_mut());
        }
        reply
    }

    /// What every answer gets.
    fn finish(&self, reply: &mut Reply, parts: &Parts) {
        let policy = self.policy.load();
        policy.origins.allow(&parts.headers, reply.headers_mut());
        if self.phase() == Phase::Draining {
            let close = HeaderValue::from_static("close");
            reply.headers_mut().insert(CONNECTION, close);
        }
        if parts.version == Version::HTTP_2 {
            // It has no such header: one request says nothing about the connection.
            reply.headers_mut().remove(CONNECTION);
        }
        if parts.method == Method::HEAD {
            let length = reply.body().size_hint().exact();
            *reply.body_mut() = Default::default();
            if let Some(length) = length {
                let headers = reply.headers_mut();
                headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
        }
    }
}

impl Policy {
    pub(crate) fn origins(&self) -> &Origins {
        &self.origins
    }

    fn new(config: &WebConfig) -> Policy {
        Policy {
            auth_required: config.auth_required,
            origins: Origins::new(&config.cors),
        }
    }
}
