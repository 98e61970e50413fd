//! Real parts for tests: PostgreSQL 15, streaming replicas, clusters under Patroni and etcd, Redis
//! alone, under sentinels and as a cluster, NATS, RabbitMQ, and a TCP proxy that makes faults. Nothing is mocked;
//! nothing is left behind.
//!
//! | what | how |
//! |---|---|
//! | one PostgreSQL: settings, TLS, passwords, restart, SIGKILL, SIGSTOP, CPU quota | [`Postgres::builder`] |
//! | a primary and replicas: synchronous or not, lag, promotion, rejoining | [`PostgresBuilder::start_replicated`] |
//! | a cluster under Patroni: failover, switch-over, hosts cut off, etcd down | [`Patroni::builder`] |
//! | one Redis: settings, TLS, passwords, SIGKILL, SIGSTOP, started empty or with what it saved | [`Redis::builder`] |
//! | a Redis and a replica that sentinels look after; a cluster of three | [`Sentinels::start`], [`RedisCluster::start`] |
//! | one NATS with JetStream, one RabbitMQ: SIGKILL, started again on the same data | [`Nats::builder`], [`RabbitMq::launch`] |
//! | faults between any two: cut, refused, delayed, throttled, half-open | [`Proxy::start`] |
//!
//! ```no_run
//! use pando_cluster::{Cut, Patroni, Postgres, Proxy};
//! use std::time::Duration;
//!
//! # async fn example() -> pando_cluster::Result<()> {
//! let postgres = Postgres::builder().setting("work_mem", "1MB").start().await?;
//! let proxy = Proxy::start(postgres.address()).await?;
//! let url = postgres.url_at(proxy.address()); // for tokio-postgres
//! proxy.cut(Cut::Reset).await;
//! postgres.kill().await?;
//! postgres.start().await?;
//!
//! let cluster = Patroni::builder().start().await?;
//! let old = cluster.leader().await?;
//! old.cut()?; // its host, from everyone; it runs on
//! let new = cluster.wait_leader_after(old, Duration::from_secs(30)).await?;
//! println!("{} leads at {:?}", new.name(), new.wal().await?);
//! # let _ = url;
//! # Ok(())
//! # }
//! ```
//!
//! # What it needs
//!
//! Linux and what `.ci/install cluster` installs; an error says what is missing. Root for
//! [`Network::Lan`], for Patroni, which is always on one, and for CPU quotas (cgroup v1);
//! servers run as the user `postgres` then. Without root, one PostgreSQL and replicas on
//! loopback run as the test's own user, in a namespace of users.
//!
//! # How it works
//!
//! Each server has a *host*: namespaces of its own for processes, mounts and shared memory, and,
//! on a LAN, for the network, with one link to a bridge that is cut off by a word. A host's
//! first process reads from a pipe that the test holds. When the test ends, be it by a panic or
//! SIGKILL, the pipe closes and the kernel ends everything on the host. Addresses, names and the
//! folder (`/tmp/pando-cluster-UID/N`) are made of a number that a lock holds, so that tests
//! run at the same time; what a killed test has left there, the next one with its number
//! removes. What stays is a template of an empty database in the same place. To see logs after a
//! test, print [`Server::log`]; when a start fails they are in the error.
//!
//! # What it does not do
//!
//! Lose, reorder or corrupt packets; slow disks or fill them; several PostgreSQL versions. All
//! databases of a machine are copies of one and have one system identifier. It has no clients
//! but psql: tests bring their own.

mod broker;
mod error;
mod host;
mod lan;
mod lease;
mod patroni;
mod postgres;
mod program;
mod proxy;
mod quota;
mod redis;
mod server;
mod site;
mod tls;
mod wait;

pub use broker::{Nats, NatsBuilder, RabbitMq};
pub use error::{Error, Result};
pub use patroni::{Builder as PatroniBuilder, Etcd, Node, Patroni, Role, Status, Timing};
pub use postgres::{Builder as PostgresBuilder, Postgres, Replication, Standby, Stop};
pub use proxy::{Connection, Cut, Faults, Proxy, Traffic, Way};
pub use redis::{Builder as RedisBuilder, Redis, RedisCluster, Sentinels};
pub use server::{Server, Wal};
pub use site::Network;
pub use tls::{Authority, Certificate};
pub use wait::until;
