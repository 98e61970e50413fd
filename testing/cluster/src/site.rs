//! The place of some hosts that belong together: a folder, addresses, and a LAN if wanted.

use crate::error::{Error, Result};
use crate::host::{Host, Place};
use crate::lan::{Addresses, Lan};
use crate::lease::Lease;
use crate::program::Account;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// How hosts are reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// Addresses on the loopback device, one for each host.
    #[default]
    Loopback,
    /// A network of its own, in which hosts can be cut off. Needs root.
    Lan,
}

/// The last index of a host: 63 is the network's broadcast.
const HOSTS: u32 = 62;
/// On a LAN a host has its address for itself, and programs their usual ports.
const POSTGRES_PORT: u16 = 5432;

/// A place; it goes when its last host has gone.
#[derive(Debug)]
pub(crate) struct Site {
    // In this order: the switch ends before the folder goes.
    lan: Option<Lan>,
    account: Account,
    addresses: Addresses,
    next: AtomicU32,
    lease: Lease,
}

impl Site {
    pub(crate) async fn start(network: Network) -> Result<Site> {
        let account = Account::find()?;
        if network == Network::Lan && !account.is_root() {
            let text = "a network of its own needs root: run the test as root, or take \
                        Network::Loopback";
            return Err(Error::new(text));
        }
        let lease = Lease::take(account)?;
        let number = lease.number();
        let (lan, addresses) = match network {
            Network::Loopback => (None, Addresses::of_loopback(number)),
            Network::Lan => {
                let addresses = Addresses::of_lan(number);
                let folder = lease.folder().join("switch");
                let place = Place {
                    name: "switch",
                    folder,
                    account,
                    number,
                    own_network: true,
                };
                (Some(Lan::start(place, &addresses).await?), addresses)
            }
        };
        // Index 1 is the test's on a LAN.
        Ok(Site {
            lan,
            account,
            addresses,
            next: AtomicU32::new(2),
            lease,
        })
    }

    /// A host with a name that is its alone here, and an address.
    pub(crate) async fn host(&self, name: &str) -> Result<(Host, Ipv4Addr)> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        if index > HOSTS {
            return Err(Error::new(format!("more than {HOSTS} hosts")));
        }
        let address = self.addresses.at(index);
        let place = Place {
            name,
            folder: self.lease.folder().join(name),
            account: self.account,
            number: self.lease.number(),
            own_network: self.lan.is_some(),
        };
        let mut host = Host::start(place)?;
        if let Some(lan) = &self.lan {
            let port = lan.attach(&host, address).await?;
            host.set_port(port);
        }
        Ok((host, address))
    }

    pub(crate) fn account(&self) -> Account {
        self.account
    }

    /// From where servers let clients in.
    pub(crate) fn client_network(&self) -> String {
        match self.lan {
            // A client on loopback has 127.0.0.1, whatever it connects to.
            None => "127.0.0.0/8".to_owned(),
            Some(_) => self.addresses.network(),
        }
    }

    /// A port for PostgreSQL on a host's address.
    pub(crate) fn postgres_port(&self, address: Ipv4Addr) -> Result<SocketAddr> {
        self.port(address, POSTGRES_PORT)
    }

    /// A port for a program on a host's address: its usual one on a LAN.
    pub(crate) fn port(&self, address: Ipv4Addr, usual: u16) -> Result<SocketAddr> {
        if self.lan.is_some() {
            return Ok((address, usual).into());
        }
        // Free now; and later too, for nothing else has this address.
        let free = TcpListener::bind((address, 0)).and_then(|socket| socket.local_addr());
        free.map_err(|error| Error::new(format!("no port on {address}: {error}")))
    }

    pub(crate) fn cut(&self, host: &Host) -> Result<()> {
        let port = host.port()?;
        self.lan.as_ref().map_or(Ok(()), |lan| lan.cut(port))
    }

    pub(crate) fn join(&self, host: &Host) -> Result<()> {
        let port = host.port()?;
        self.lan.as_ref().map_or(Ok(()), |lan| lan.join(port))
    }
}
