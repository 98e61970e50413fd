//! A cluster of Redis: three masters that share the slots, without replicas.

use super::{BUS_PORT, Builder, Redis};
use crate::error::{Error, Result};
use crate::site::Site;
use crate::wait;
use std::sync::Arc;
use std::time::Duration;

const NODES: usize = 3;
/// The nodes tell each other of their slots.
const AGREE: Duration = Duration::from_secs(30);
/// How long a node may be silent before the others take it for lost.
const NODE_TIMEOUT_MS: &str = "2000";

/// A cluster of three masters, each on a host of its own.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Redis>,
}

impl RedisCluster {
    /// Starts one; answers when all slots are served.
    ///
    /// # Errors
    /// Something is missing, and what to do about it; it does not start.
    pub async fn start(options: Builder) -> Result<RedisCluster> {
        let site = Arc::new(Site::start(options.network).await?);
        let (mut nodes, mut places) = (Vec::new(), Vec::new());
        for number in 1..=NODES {
            let name = format!("redis{number}");
            let mut node = Redis::place(options.clone(), &site, &name).await?;
            let bus = site.port(super::ipv4(node.address)?, BUS_PORT)?.port();
            node.options = node
                .options
                .setting("cluster-enabled", "yes")
                .setting("cluster-port", &bus.to_string())
                .setting("cluster-announce-ip", &node.address.ip().to_string())
                .setting("cluster-node-timeout", NODE_TIMEOUT_MS);
            node.start().await?;
            places.push(format!("{}@{bus}", node.address));
            nodes.push(node);
        }
        let mut create = vec!["--cluster", "create"];
        create.extend(places.iter().map(String::as_str));
        create.push("--cluster-yes");
        nodes[0].cli(&create).await?;
        let cluster = RedisCluster { nodes };
        cluster.wait_whole(AGREE).await?;
        Ok(cluster)
    }

    /// Its nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// How clients connect: all nodes are named.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.nodes.iter().map(|n| n.address.to_string()).collect();
        let tls = if self.nodes[0].root.is_some() {
            "s"
        } else {
            ""
        };
        format!("redis{tls}+cluster://{}", hosts.join(","))
    }

    /// Waits until all nodes say that all slots are served.
    ///
    /// # Errors
    /// The limit has passed.
    pub async fn wait_whole(&self, limit: Duration) -> Result<()> {
        for node in &self.nodes {
            let what = format!("{} seeing all slots served", node.name());
            let look = || async {
                let info = node.cli(&["cluster", "info"]).await?;
                match info.contains("cluster_state:ok") {
                    true => Ok(()),
                    false => Err(Error::new(info)),
                }
            };
            wait::until(&what, limit, look).await?;
        }
        Ok(())
    }
}
