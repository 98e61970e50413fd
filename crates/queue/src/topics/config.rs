//! What can be set of topics.

/// How much topics may take. What is beyond is refused or forgotten, never waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicsConfig {
    /// Messages of a topic that are kept for those who are slow or come back.
    pub ring: usize,
    /// Bytes of all rings together at most; beyond, the oldest message of all goes first.
    pub ring_bytes_max: usize,
    /// Bytes of one message at most, with its type and its media type.
    pub message_bytes_max: usize,
    /// Subscribers of this process at most.
    pub subscribers_max: usize,
}

impl Default for TopicsConfig {
    fn default() -> TopicsConfig {
        TopicsConfig {
            ring: 256,
            ring_bytes_max: 64 << 20,
            message_bytes_max: 64 << 10,
            // Half of the connections that a server takes by default: the others are for requests.
            subscribers_max: 4_096,
        }
    }
}
