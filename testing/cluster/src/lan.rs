//! A local network: a switch that hosts and the test are attached to, and that can be told to
//! pass nothing on.
//!
//! The switch is a bridge in a namespace of its own, so that no filter of the machine's (Docker
//! sets one for bridges) sees its traffic. The test has one link to it, to reach the hosts.

use crate::error::Result;
use crate::host::{Host, Place};
use crate::program::{run, system};
use std::net::Ipv4Addr;
use std::time::Duration;

/// `ip` answers at once.
const LIMIT: Duration = Duration::from_secs(10);
/// A network of 64 addresses: the test's link is the first.
const PREFIX: u8 = 26;
const UPLINK: u32 = 1;
/// An address of no card: what is sent to it is thrown away by the switch.
const NOWHERE: &str = "02:00:00:00:00:00";

/// A switch, and the test's link to it.
#[derive(Debug)]
pub(crate) struct Lan {
    switch: Host,
    link: String,
}

/// The link of one host.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    name: String,
    address: Ipv4Addr,
}

impl Lan {
    /// A switch, with the test at the first address of the network.
    pub(crate) async fn start(place: Place<'_>, addresses: &Addresses) -> Result<Lan> {
        let link = format!("pando{}", place.number);
        let switch = Host::start(place)?;
        switch.request("ip link add lan type bridge && ip link set dev lan up")?;
        let ip = system("ip")?;
        // One that is left of a process that was killed a moment ago.
        let _ = run(&ip, &["link", "delete", &link], LIMIT).await;
        let namespace = switch.pid().to_string();
        let add = ["link", "add", &link, "type", "veth"];
        let peer = ["peer", "name", "test", "netns", &namespace];
        run(&ip, &[add.as_slice(), &peer].concat(), LIMIT).await?;
        switch.request("ip link set dev test master lan up")?;
        let lan = Lan { switch, link };
        let address = format!("{}/{PREFIX}", addresses.at(UPLINK));
        run(&ip, &["address", "add", &address, "dev", &lan.link], LIMIT).await?;
        run(&ip, &["link", "set", "dev", &lan.link, "up"], LIMIT).await?;
        Ok(lan)
    }

    /// Attaches a host at an address.
    pub(crate) async fn attach(&self, host: &Host, address: Ipv4Addr) -> Result<Port> {
        let ip = system("ip")?;
        let name = format!("p{}", u32::from(address) % 64);
        let (switch, namespace) = (self.switch.pid().to_string(), host.pid().to_string());
        let add = ["link", "add", &name, "netns", &switch, "type", "veth"];
        let peer = ["peer", "name", "eth0", "netns", &namespace];
        run(&ip, &[add.as_slice(), &peer].concat(), LIMIT).await?;
        self.switch
            .request(&format!("ip link set dev {name} master lan up"))?;
        host.request(&format!(
            "ip link set dev lo up && ip address add {address}/{PREFIX} dev eth0 && \
             ip link set dev eth0 up"
        ))?;
        Ok(Port { name, address })
    }

    /// Passes nothing more from or to a host. Its link stays up, as seen from the host:
    /// nobody is told.
    pub(crate) fn cut(&self, port: &Port) -> Result<()> {
        self.set_state(port, 0)
    }

    /// Passes everything on again.
    pub(crate) fn join(&self, port: &Port) -> Result<()> {
        self.set_state(port, 3)
    }

    fn set_state(&self, port: &Port, state: u8) -> Result<()> {
        let name = &port.name;
        let line = format!("bridge link set dev {name} state {state}");
        self.switch.request(&line).map(drop)
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        // It would go with the switch, but some time after, and a name is wanted again at once.
        let deleted = system("ip").map(|ip| {
            let mut command = std::process::Command::new(ip);
            command.args(["link", "delete", &self.link]).status()
        });
        if !matches!(deleted, Ok(Ok(status)) if status.success()) {
            eprintln!("pando-cluster: cannot delete the link {}", self.link);
        }
    }
}

/// Lets nothing pass between a host and another, in both directions.
pub(crate) fn part(host: &Host, other: &Host) -> Result<()> {
    for (from, to) in [(host, other), (other, host)] {
        let to = to.port()?.address;
        from.request(&format!(
            "ip neighbour replace {to} lladdr {NOWHERE} dev eth0 nud permanent"
        ))?;
    }
    Ok(())
}

/// Ends that: the next packet asks for the other's address anew.
pub(crate) fn reunite(host: &Host, other: &Host) -> Result<()> {
    for (from, to) in [(host, other), (other, host)] {
        let to = to.port()?.address;
        from.request(&format!(
            "ip neighbour delete {to} dev eth0 2>/dev/null; true"
        ))?;
    }
    Ok(())
}

/// The 64 addresses of a lease.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    first: u32,
}

impl Addresses {
    /// On the loopback device, which has all of 127.0.0.0/8. From 127.64.0.0 up: where nobody
    /// listens, and no connection that goes out comes from.
    pub(crate) fn of_loopback(number: u32) -> Addresses {
        Addresses::starting(Ipv4Addr::new(127, 64, 0, 0), number)
    }

    /// Of a network: 198.18.0.0/15 is kept for benchmarks (RFC 2544), so that no machine's
    /// own network has it.
    pub(crate) fn of_lan(number: u32) -> Addresses {
        Addresses::starting(Ipv4Addr::new(198, 18, 0, 0), number)
    }

    fn starting(first: Ipv4Addr, number: u32) -> Addresses {
        Addresses {
            first: u32::from(first) + number * 64,
        }
    }

    /// The address with an index below 63.
    pub(crate) fn at(self, index: u32) -> Ipv4Addr {
        Ipv4Addr::from(self.first + index)
    }

    /// All of them, as PostgreSQL's `pg_hba.conf` has it.
    pub(crate) fn network(self) -> String {
        format!("{}/{PREFIX}", Ipv4Addr::from(self.first))
    }
}
