//! How a connection is made: to one Redis, to the one that sentinels name, or to a cluster.

use crate::address::{Address, Kind};
use crate::config::{RedisConfig, Unusable};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    Pipeline, ProtocolVersion, PushInfo, RedisConnectionInfo, RedisFuture, RedisResult,
    TlsCertificates, TlsMode, Value,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::path::Path;
use std::time::Duration;

/// A peer that has gone without a word is noticed by the kernel after so long, where no call does.
const SILENT_PEER: Duration = Duration::from_secs(5);

/// All that is needed to connect.
#[derive(Clone)]
pub(crate) struct Way {
    address: Address,
    /// The user and the password, for Redis and for the sentinels.
    settings: RedisConnectionInfo,
    certificates: Option<TlsCertificates>,
    timing: AsyncConnectionConfig,
    call_timeout: Duration,
    connect_timeout: Duration,
    answer_timeout: Duration,
    calls_max: usize,
}

/// A connection; clones share it.
#[derive(Clone)]
pub(crate) enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Way {
    /// Reads the url and the files that the settings name.
    pub(crate) fn of(config: &RedisConfig) -> Result<Way, Unusable> {
        let address = Address::read(&config.url).map_err(|why| Unusable::new("url", why))?;
        let mut settings = RedisConnectionInfo::default()
            .set_protocol(ProtocolVersion::RESP3)
            .set_lib_name("pando", env!("CARGO_PKG_VERSION"))
            .set_db(address.database);
        if let Some(user) = &address.user {
            settings = settings.set_username(user);
        }
        if let Some(path) = &config.password_file {
            let password = read("password_file", path)?;
            let password = String::from_utf8(password)
                .map_err(|_| Unusable::new("password_file", "it holds what is not UTF-8"))?;
            settings = settings.set_password(password.trim_end_matches(['\r', '\n']));
        }
        if address.is_encrypted {
            // The library asks for the process's own; one that is chosen already stays.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let root_cert = match &config.ca_file {
            Some(path) => Some(read_certificates(path)?),
            None => None,
        };
        let certificates = address.is_encrypted.then_some(TlsCertificates {
            client_tls: None,
            root_cert,
        });
        // Of the library's own bound nobody hears but by a connection that is lost: it is never the
        // first.
        let answer_timeout = config.connect_timeout.max(config.call_timeout);
        let way = Way {
            address,
            settings,
            certificates,
            timing: AsyncConnectionConfig::new()
                .set_connection_timeout(Some(config.connect_timeout))
                .set_response_timeout(Some(answer_timeout))
                .set_pipeline_buffer_size(config.calls_max)
                .set_concurrency_limit(config.calls_max),
            call_timeout: config.call_timeout,
            connect_timeout: config.connect_timeout,
            answer_timeout,
            calls_max: config.calls_max,
        };
        // Certificates that are none are told now, and not at the first connection.
        way.client()
            .map(|_| way)
            .map_err(|error| Unusable::new("ca_file", error.to_string()))
    }

    /// The same, for a connection on which Redis says something by itself.
    pub(crate) fn listening(&self, take: impl Fn(PushInfo) + Send + Sync + 'static) -> Way {
        let take = move |push| {
            take(push);
            Ok::<_, std::convert::Infallible>(())
        };
        let mut way = self.clone();
        way.timing = way.timing.set_push_sender(take);
        way
    }

    /// How it is told to people.
    pub(crate) fn name(&self) -> String {
        self.address.name()
    }

    pub(crate) async fn connect(&self) -> RedisResult<Connection> {
        match &self.address.kind {
            Kind::Single => {
                let client = self.client()?;
                let connection = client.get_multiplexed_async_connection_with_config(&self.timing);
                connection.await.map(Connection::One)
            }
            Kind::Sentinel(name) => self.by_sentinels(name).await.map(Connection::One),
            Kind::Cluster => {
                let connection = self.cluster()?.get_async_connection().await;
                connection.map(Connection::Cluster)
            }
        }
    }

    fn client(&self) -> RedisResult<Client> {
        let info = self.info(0)?;
        match &self.certificates {
            Some(certificates) => Client::build_with_tls(info, certificates.clone()),
            None => Client::open(info),
        }
    }

    /// To the master that the first sentinel that answers names.
    async fn by_sentinels(&self, name: &str) -> RedisResult<MultiplexedConnection> {
        let hosts = 0..self.address.hosts.len();
        let sentinels = hosts.map(|ix| self.place(ix));
        let mut builder = SentinelClientBuilder::new(sentinels, name, SentinelServerType::Master)?
            .set_client_to_redis_db(self.address.database)
            .set_client_to_redis_protocol(ProtocolVersion::RESP3)
            .set_client_to_redis_tcp_settings(tcp())
            .set_client_to_sentinel_tcp_settings(tcp());
        if let Some(user) = self.settings.username() {
            builder = builder.set_client_to_redis_username(user);
        }
        if let Some(password) = self.settings.password() {
            builder = builder.set_client_to_redis_password(password);
        }
        if let Some(certificates) = &self.certificates {
            builder = builder
                .set_client_to_redis_tls_mode(TlsMode::Secure)
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates.clone());
        }
        let mut client = builder.build()?;
        client.get_async_connection_with_config(&self.timing).await
    }

    fn cluster(&self) -> RedisResult<ClusterClient> {
        let hosts = 0..self.address.hosts.len();
        let nodes = hosts
            .map(|ix| self.info(ix))
            .collect::<RedisResult<Vec<_>>>()?;
        let mut builder = ClusterClient::builder(nodes)
            .use_protocol(ProtocolVersion::RESP3)
            .connection_timeout(self.connect_timeout)
            .response_timeout(self.answer_timeout)
            .overall_response_timeout(Some(self.answer_timeout))
            .connection_concurrency_limit(self.calls_max)
            // A slot that has moved is found again within a call.
            .retries(1)
            .min_retry_wait(1)
            .max_retry_wait(
                u64::try_from(self.call_timeout.as_millis() / 4)
                    .unwrap_or(1)
                    .max(1),
            )
            .tcp_settings(tcp());
        if let Some(certificates) = &self.certificates {
            builder = builder.certs(certificates.clone());
        }
        builder.build()
    }

    fn info(&self, ix: usize) -> RedisResult<ConnectionInfo> {
        let info = self.place(ix).into_connection_info()?;
        Ok(info
            .set_redis_settings(self.settings.clone())
            .set_tcp_settings(tcp()))
    }

    fn place(&self, ix: usize) -> ConnectionAddr {
        let (host, port) = self.address.hosts[ix].clone();
        match self.address.is_encrypted {
            false => ConnectionAddr::Tcp(host, port),
            true => ConnectionAddr::TcpTls {
                host,
                port,
                insecure: false,
                tls_params: None,
            },
        }
    }
}

fn tcp() -> TcpSettings {
    let keepalive = TcpKeepalive::new()
        .with_time(SILENT_PEER)
        .with_interval(SILENT_PEER / 5);
    TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(keepalive)
        .set_user_timeout(SILENT_PEER)
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, Unusable> {
    std::fs::read(path)
        .map_err(|error| Unusable::new(setting, format!("cannot read {}: {error}", path.display())))
}

/// Certificates as they stand in the file. One without any would be taken, and trust nobody.
fn read_certificates(path: &Path) -> Result<Vec<u8>, Unusable> {
    let text = read("ca_file", path)?;
    let mut certificates = CertificateDer::pem_slice_iter(&text);
    match certificates.next() {
        Some(Ok(_)) => Ok(text),
        Some(Err(_)) | None => {
            let none = format!("{} holds no certificate (PEM)", path.display());
            Err(Unusable::new("ca_file", none))
        }
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Connection::One(one) => one.req_packed_command(command),
            Connection::Cluster(cluster) => cluster.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Connection::One(one) => one.req_packed_commands(commands, offset, count),
            Connection::Cluster(cluster) => cluster.req_packed_commands(commands, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Connection::One(one) => one.get_db(),
            Connection::Cluster(cluster) => cluster.get_db(),
        }
    }
}
