//! The suite of the port to what processes tell one another ([`pando_model::bus`]).

use bytes::Bytes;
use pando_model::bus::{Bus, BusError, Listener};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Nothing here may take longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Buses of one deployment, each as another process has it.
pub trait Subject: Send + Sync {
    /// One more process's.
    fn join(&self) -> Arc<dyn Bus>;
}

/// What a listener was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A message.
    Message(Bytes),
    /// That something may have been missed.
    Lost,
}

/// Somebody who listens.
pub struct Ear(UnboundedReceiver<Heard>);

struct Mouth(UnboundedSender<Heard>);

impl Listener for Mouth {
    fn hear(&self, message: Bytes) {
        let _ = self.0.send(Heard::Message(message));
    }

    fn lose(&self) {
        let _ = self.0.send(Heard::Lost);
    }
}

impl Ear {
    /// Listens, and waits until it does.
    pub async fn listen(bus: &Arc<dyn Bus>, channel: &str) -> Ear {
        let (mouth, heard) = unbounded_channel();
        bus.subscribe(channel, Arc::new(Mouth(mouth)));
        let mut ear = Ear(heard);
        assert_eq!(ear.next().await, Heard::Lost, "it says when it listens");
        ear
    }

    /// What it is told next.
    pub async fn next(&mut self) -> Heard {
        let next = tokio::time::timeout(PATIENCE, self.0.recv()).await;
        next.expect("something is told").expect("the bus is there")
    }

    /// The next messages; what may have been missed is passed over.
    pub async fn messages(&mut self, count: usize) -> Vec<Bytes> {
        let mut messages = Vec::new();
        while messages.len() < count {
            if let Heard::Message(message) = self.next().await {
                messages.push(message);
            }
        }
        messages
    }
}

/// Runs all cases.
pub async fn run(subject: &dyn Subject) {
    whoever_listens_hears_all_in_the_same_order(subject).await;
    channels_are_apart(subject).await;
    a_message_of_any_size_comes_as_it_was(subject).await;
}

async fn whoever_listens_hears_all_in_the_same_order(subject: &dyn Subject) {
    const EACH: usize = 200;
    let buses = [subject.join(), subject.join()];
    let mut ears = Vec::new();
    for bus in &buses {
        ears.push(Ear::listen(bus, "order").await);
    }
    let tasks = buses.iter().enumerate().map(|(who, bus)| {
        let bus = Arc::clone(bus);
        tokio::spawn(async move {
            for n in 0..EACH {
                let message = format!("{who}:{n}").into();
                bus.publish("order", message).await.expect("told");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("ran");
    }
    let heard = ears[0].messages(2 * EACH).await;
    assert_eq!(heard, ears[1].messages(2 * EACH).await, "one order for all");
    for who in ["0:", "1:"] {
        let own = heard
            .iter()
            .filter(|message| message.starts_with(who.as_bytes()));
        let expected = (0..EACH).map(|n| Bytes::from(format!("{who}{n}")));
        assert!(
            own.cloned().eq(expected),
            "what one tells is heard in order"
        );
    }
}

async fn channels_are_apart(subject: &dyn Subject) {
    let bus = subject.join();
    let mut one = Ear::listen(&bus, "one").await;
    let mut other = Ear::listen(&bus, "other").await;
    for (channel, text) in [("one", "1"), ("other", "2"), ("nobody", "3"), ("one", "4")] {
        bus.publish(channel, text.into()).await.expect("told");
    }
    assert_eq!(one.messages(2).await, ["1", "4"]);
    assert_eq!(other.messages(1).await, ["2"]);
}

async fn a_message_of_any_size_comes_as_it_was(subject: &dyn Subject) {
    let bus = subject.join();
    let mut ear = Ear::listen(&bus, "sizes").await;
    let max = bus.message_bytes_max();
    for size in [0, 1, 7_999, 8_000, 64 << 10, max] {
        let message: Bytes = (0..size).map(|n| n as u8).collect();
        bus.publish("sizes", message.clone()).await.expect("told");
        assert!(ear.messages(1).await == [message], "{size} bytes");
    }
    let larger = Bytes::from(vec![0; max + 1]);
    let refused = bus.publish("sizes", larger).await;
    assert_eq!(refused, Err(BusError::TooLarge { max }));
}
