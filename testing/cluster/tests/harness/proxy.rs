//! The proxy's faults, as both ends see them.

use pando_cluster::{Cut, Faults, Proxy, Way};
use std::io::ErrorKind;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// For what must not come: long enough that it would have come.
const NEVER: Duration = Duration::from_millis(300);

struct Bed {
    proxy: Proxy,
    server: TcpListener,
}

impl Bed {
    async fn start() -> Bed {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::start(server.local_addr().unwrap()).await.unwrap();
        Bed { proxy, server }
    }

    /// Both ends of a new connection.
    async fn connect(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(self.proxy.address()).await.unwrap();
        (client, self.server.accept().await.unwrap().0)
    }
}

async fn passes(from: &mut TcpStream, to: &mut TcpStream, text: &[u8]) {
    from.write_all(text).await.unwrap();
    assert_eq!(read(to, text.len()).await, text);
}

async fn read(from: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    from.read_exact(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
async fn bytes_pass_and_are_counted_and_ends_are_passed_on() {
    let bed = Bed::start().await;
    let (mut client, mut server) = bed.connect().await;
    passes(&mut client, &mut server, b"question").await;
    passes(&mut server, &mut client, b"answer").await;
    let traffic = bed.proxy.traffic();
    assert_eq!(
        (traffic.connections, traffic.up_bytes, traffic.down_bytes),
        (1, 8, 6)
    );
    client.shutdown().await.unwrap();
    assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
    // One half is closed, the other not.
    passes(&mut server, &mut client, b"later").await;
    let connection = bed.proxy.connections().remove(0);
    assert_eq!(connection.client(), client.local_addr().unwrap());
    drop(server);
    connection.ended().await;
    assert_eq!(connection.traffic().down_bytes, 11);
}

#[tokio::test]
async fn a_reset_is_an_error_at_both_ends_and_a_close_the_end_of_both() {
    let bed = Bed::start().await;
    for cut in [Cut::Reset, Cut::Close] {
        let (mut client, mut server) = bed.connect().await;
        passes(&mut client, &mut server, b"x").await;
        bed.proxy.cut(cut).await;
        for end in [&mut client, &mut server] {
            let read = end.read(&mut [0; 8]).await;
            match cut {
                Cut::Reset => assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset),
                Cut::Close => assert_eq!(read.unwrap(), 0),
            }
        }
    }
}

#[tokio::test]
async fn what_resets_its_end_or_is_not_there_resets_the_other() {
    let bed = Bed::start().await;
    let (mut client, server) = bed.connect().await;
    server.set_zero_linger().unwrap();
    drop(server);
    let error = client.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    drop(bed.server);
    let mut client = TcpStream::connect(bed.proxy.address()).await.unwrap();
    let error = client.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn connections_are_refused_while_open_ones_stay() {
    let bed = Bed::start().await;
    let (mut client, mut server) = bed.connect().await;
    for _ in 0..3 {
        bed.proxy.set_refusing(true).await.unwrap();
        let error = TcpStream::connect(bed.proxy.address()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        passes(&mut client, &mut server, b"still").await;
        bed.proxy.set_refusing(false).await.unwrap();
        let (mut client, mut server) = bed.connect().await;
        passes(&mut client, &mut server, b"again").await;
    }
}

#[tokio::test]
async fn a_delay_is_of_one_way_and_keeps_the_order() {
    let delay = Duration::from_millis(250);
    let bed = Bed::start().await;
    let (mut client, mut server) = bed.connect().await;
    for is_up in [true, false] {
        let late = Way {
            delay,
            bytes_per_s: None,
        };
        let mut faults = Faults::default();
        *(if is_up {
            &mut faults.up
        } else {
            &mut faults.down
        }) = late;
        bed.proxy.set_faults(faults);
        let (late, prompt) = match is_up {
            true => ((&mut client, &mut server), "down"),
            false => ((&mut server, &mut client), "up"),
        };
        let start = Instant::now();
        for byte in 0..50_u8 {
            late.0.write_all(&[byte]).await.unwrap();
        }
        assert_eq!(read(late.1, 50).await, (0..50).collect::<Vec<u8>>());
        assert!(start.elapsed() >= delay, "{:?}", start.elapsed());
        let start = Instant::now();
        passes(late.1, late.0, b"x").await;
        assert!(start.elapsed() < delay, "{prompt}: {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_throttle_passes_no_more_than_it_may_until_it_is_lifted() {
    let bed = Bed::start().await;
    let (mut client, mut server) = bed.connect().await;
    let mut faults = Faults::default();
    faults.up.bytes_per_s = Some(20_000);
    bed.proxy.set_faults(faults);
    let start = Instant::now();
    passes(&mut client, &mut server, &[7; 10_000]).await;
    // All but the last piece of a twentieth of a second has been waited for.
    assert!(
        start.elapsed() >= Duration::from_millis(440),
        "{:?}",
        start.elapsed()
    );
    bed.proxy.set_faults(Faults::default());
    let start = Instant::now();
    passes(&mut client, &mut server, &[7; 100_000]).await;
    // It would take five seconds.
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn a_stalled_connection_passes_nothing_and_tells_nobody_until_it_goes_on() {
    let bed = Bed::start().await;
    let (mut client, mut server) = bed.connect().await;
    let stalled = Faults {
        stalled: true,
        ..Faults::default()
    };
    bed.proxy.set_faults(stalled);
    client.write_all(b"question").await.unwrap();
    assert!(timeout(NEVER, server.read_u8()).await.is_err());
    // The server goes, and the client is not told.
    server.write_all(b"last words").await.unwrap();
    drop(server);
    assert!(timeout(NEVER, client.read_u8()).await.is_err());
    // One that comes is taken in, and gets no further.
    let mut second = TcpStream::connect(bed.proxy.address()).await.unwrap();
    second.write_all(b"x").await.unwrap();
    assert!(timeout(NEVER, bed.server.accept()).await.is_err());
    bed.proxy.set_faults(Faults::default());
    let (mut server, _) = bed.server.accept().await.unwrap();
    assert_eq!(read(&mut server, 1).await, b"x");
    passes(&mut server, &mut second, b"y").await;
}

#[tokio::test]
async fn one_connection_stalls_or_is_cut_and_the_others_go_on() {
    let bed = Bed::start().await;
    let (mut client, mut server) = bed.connect().await;
    let (mut other_client, mut other_server) = bed.connect().await;
    let first = bed.proxy.connections().remove(0);
    first.set_faults(Faults {
        stalled: true,
        ..Faults::default()
    });
    client.write_all(b"x").await.unwrap();
    passes(&mut other_client, &mut other_server, b"y").await;
    assert!(timeout(NEVER, server.read_u8()).await.is_err());
    first.cut(Cut::Reset).await;
    let error = client.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    passes(&mut other_server, &mut other_client, b"z").await;
    bed.proxy.set_faults(Faults::default());
    passes(&mut other_client, &mut other_server, b"y").await;
    drop(bed.proxy);
    assert!(matches!(
        other_client.read(&mut [0; 8]).await,
        Ok(0) | Err(_)
    ));
}

#[tokio::test]
async fn new_connections_go_to_the_new_target() {
    let bed = Bed::start().await;
    let (mut client, mut server) = bed.connect().await;
    let second = TcpListener::bind("127.0.0.1:0").await.unwrap();
    bed.proxy.set_target(second.local_addr().unwrap());
    let mut late = TcpStream::connect(bed.proxy.address()).await.unwrap();
    let (mut there, _) = second.accept().await.unwrap();
    passes(&mut late, &mut there, b"new").await;
    passes(&mut client, &mut server, b"old").await;
}
