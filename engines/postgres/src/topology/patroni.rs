//! What Patroni says: who its members are, and whether one of them is the primary.

use super::Topology;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Weak;
use std::time::Duration;

/// How often its members are asked for.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// How long an answer may take.
const ASK_TIME: Duration = Duration::from_secs(2);
/// An answer is not longer than this.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Asks Patroni.
#[derive(Clone)]
pub(crate) struct Patroni {
    client: Client<HttpConnector, Empty<Bytes>>,
}

/// A member of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// `host:port` of its PostgreSQL.
    pub(crate) address: (String, u16),
    /// Where its Patroni answers: `http://host:port`.
    pub(crate) rest: String,
}

impl Patroni {
    pub(crate) fn new() -> Patroni {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(ASK_TIME));
        Patroni {
            client: Client::builder(TokioExecutor::new()).build(connector),
        }
    }

    /// Whether the member says of itself that it is the primary; `None` where it says nothing.
    pub(crate) async fn is_primary(&self, rest: &str) -> Option<bool> {
        let (status, _) = self.get(&format!("{rest}/primary")).await?;
        Some(status == 200)
    }

    /// Its settings, as a member has them.
    pub(crate) async fn settings(&self, rest: &str) -> Option<Value> {
        let (status, body) = self.get(&format!("{rest}/config")).await?;
        let settings = serde_json::from_slice(&body).ok();
        settings.filter(|_| status == 200)
    }

    /// All members, as one of them says.
    pub(crate) async fn members(&self, rest: &str) -> Option<Vec<Member>> {
        let (status, body) = self.get(&format!("{rest}/cluster")).await?;
        (status == 200).then(|| members_of(&body))
    }

    async fn get(&self, url: &str) -> Option<(u16, Bytes)> {
        let url = url.parse().ok()?;
        let exchange = async {
            let response = self.client.get(url).await.ok()?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
            Some((status, body.collect().await.ok()?.to_bytes()))
        };
        tokio::time::timeout(ASK_TIME, exchange).await.ok()?
    }
}

/// Asks for the members for as long as somebody uses the engine: whoever answers first, of those
/// that are configured and those that were members last.
pub(crate) async fn watch(topology: Weak<Topology>, patroni: Patroni, seeds: Vec<String>) {
    let seeds: BTreeSet<String> = seeds.into_iter().collect();
    let mut known = seeds.clone();
    loop {
        let mut found = None;
        for rest in &known {
            found = patroni.members(rest).await;
            if found.is_some() {
                break;
            }
        }
        let Some(topology) = topology.upgrade().filter(|one| !one.is_closed()) else {
            return;
        };
        // Where nobody is named, as while etcd is made anew, all stays as it was.
        if let Some(members) = found.filter(|members| !members.is_empty()) {
            known.clone_from(&seeds);
            known.extend(members.iter().map(|member| member.rest.clone()));
            topology.meet(&members);
            topology.part(&members);
        }
        drop(topology);
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// The members that `GET /cluster` names.
fn members_of(body: &[u8]) -> Vec<Member> {
    let Ok(cluster) = serde_json::from_slice::<Value>(body) else {
        return Vec::new();
    };
    let members = cluster["members"].as_array().into_iter().flatten();
    let read = members.filter_map(|member| {
        let api = member["api_url"].as_str()?;
        // The path in it is Patroni's own page.
        let rest = api.trim_end_matches("/patroni").trim_end_matches('/');
        Some(Member {
            address: (
                member["host"].as_str()?.to_owned(),
                u16::try_from(member["port"].as_u64()?).ok()?,
            ),
            rest: rest.to_owned(),
        })
    });
    read.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_from_the_cluster() {
        let body = br#"{"members": [
            {"name": "a", "role": "leader", "state": "running", "host": "10.0.0.1", "port": 5432,
             "api_url": "http://10.0.0.1:8008/patroni", "timeline": 3},
            {"name": "b", "role": "sync_standby", "state": "streaming", "host": "10.0.0.2",
             "port": 5433, "api_url": "http://10.0.0.2:8008/patroni", "timeline": 3, "lag": 0},
            {"name": "starting", "role": "replica", "state": "creating replica"}],
            "scope": "demo"}"#;
        let expected = [("10.0.0.1", 5432), ("10.0.0.2", 5433)].map(|(host, port)| Member {
            address: (host.to_owned(), port),
            rest: format!("http://{host}:8008"),
        });
        assert_eq!(members_of(body), expected);
        assert_eq!(members_of(b"no JSON"), []);
    }
}
