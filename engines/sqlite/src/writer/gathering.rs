//! How long a group waits for its members.
//!
//! Callers that were answered together come back together, a moment later. A group that
//! went off with the first of them would make all others wait for a whole sync, and
//! groups would stay small. So a group waits for as many members as there were
//! callers when the last one ended: those it answered, and those in the queue. It
//! waits for half of a commit's time at most. A caller who is alone never waits, and
//! where callers do not come back the waiting is given up for a while, longer each time.
//!
//! Members are carried out as they come, so that the writer works while it waits. For a moment
//! it looks again and again rather than sleep: a caller in this process who was answered just now needs less
//! time to come back than a sleeping thread to be woken. Where none was back at once, as none is
//! over a network, it sleeps, and leaves the processor to those who serve them.
//!
//! PostgreSQL's `commit_delay` and `commit_siblings` are after the same end with
//! fixed numbers.

use super::{Counters, Job, Pending};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

/// Where a commit takes less than twice this, the callers' own work is what they need time
/// for.
const PATIENCE_MIN: Duration = Duration::from_millis(1);
/// Nobody waits longer than this for company.
const PATIENCE_MAX: Duration = Duration::from_millis(10);
/// So long it is looked again and again: callers who were answered just now are on their way, and
/// whoever comes is carried out while the others are.
const AT_ONCE: Duration = Duration::from_micros(50);
/// While more than a few are missing the thread then sleeps in steps: to be woken for each one
/// would cost more than it gains.
const STEP: Duration = Duration::from_micros(100);
const FEW: usize = 3;
/// Groups that go off at once after callers stayed away, at most.
const PAUSE_MAX: u32 = 64;

/// What is known of the callers.
#[derive(Debug)]
pub(super) struct Gathering {
    max_group: usize,
    /// Members that the next group is likely to have.
    expected: usize,
    patience: Duration,
    /// Groups that still go off at once, and how many they are the next time.
    pause: u32,
    next_pause: u32,
    /// Whether callers who were answered last time were there again at once.
    are_near: bool,
}

impl Gathering {
    pub(super) fn new(max_group: usize) -> Gathering {
        Gathering {
            max_group,
            expected: 1,
            patience: PATIENCE_MIN,
            pause: 0,
            next_pause: 1,
            are_near: true,
        }
    }

    /// The first of a group, if it comes at once, where callers are on their way.
    pub(super) fn first(&mut self, receiver: &Receiver<Job>) -> Option<Job> {
        if self.expected < FEW {
            return None;
        }
        let until = Instant::now() + AT_ONCE;
        // Who was in the queue already tells nothing of those who were answered.
        let mut was_empty = false;
        loop {
            match receiver.try_recv() {
                Ok(job) => {
                    self.are_near |= was_empty;
                    return Some(job);
                }
                Err(TryRecvError::Empty) if Instant::now() < until => {
                    was_empty = true;
                    std::thread::yield_now();
                }
                Err(_) => {
                    self.are_near = false;
                    return None;
                }
            }
        }
    }

    /// Those who join a group that has begun with one member, as they come.
    pub(super) fn arrivals<'g>(&'g mut self, receiver: &'g Receiver<Job>) -> Arrivals<'g> {
        Arrivals {
            wanted: self.expected.min(self.max_group),
            gathering: self,
            receiver,
            members: 1,
            deadline: None,
            behind: None,
        }
    }

    /// Whether it looks again at once, where it has waited so long for the next member.
    fn looks_again(&self, waited: Duration) -> bool {
        self.are_near && waited < AT_ONCE
    }

    /// A group of so many members was answered.
    pub(super) fn learn(&mut self, members: usize, counters: &Counters) {
        let queued = usize::try_from(counters.queued.load(Relaxed)).unwrap_or(usize::MAX);
        self.expected = members.saturating_add(queued);
        let commit = Duration::from_nanos(counters.last_commit_ns.load(Relaxed));
        self.patience = (commit / 2).clamp(PATIENCE_MIN, PATIENCE_MAX);
    }

    /// Whether the waiting was worth it: most of those who were expected came.
    fn judge(&mut self, came: usize, wanted: usize) {
        if came >= wanted - wanted / 4 {
            self.next_pause = 1;
        } else {
            self.pause = self.next_pause;
            self.next_pause = (self.next_pause * 2).min(PAUSE_MAX);
        }
    }
}

/// The members of one group but the first; carried out while the next are on their way.
pub(super) struct Arrivals<'g> {
    gathering: &'g mut Gathering,
    receiver: &'g Receiver<Job>,
    wanted: usize,
    members: usize,
    /// Until when is waited; `None` as long as nobody had to be waited for.
    deadline: Option<Instant>,
    /// The job behind the group, if it is not a write.
    behind: Option<Job>,
}

impl Iterator for Arrivals<'_> {
    type Item = Pending;

    fn next(&mut self) -> Option<Pending> {
        if self.behind.is_some() || self.members >= self.gathering.max_group {
            return None;
        }
        let job = self.receiver.try_recv().ok().or_else(|| self.wait())?;
        match job {
            Job::Write(pending) => {
                self.members += 1;
                Some(pending)
            }
            other => {
                self.behind = Some(other);
                None
            }
        }
    }
}

impl Arrivals<'_> {
    /// How many members the group has, and the job behind it, if it is not a write.
    pub(super) fn end(self) -> (usize, Option<Job>) {
        if self.deadline.is_some() {
            self.gathering.judge(self.members, self.wanted);
        }
        (self.members, self.behind)
    }

    fn wait(&mut self) -> Option<Job> {
        if self.members >= self.wanted {
            return None;
        }
        if self.deadline.is_none() && self.gathering.pause > 0 {
            self.gathering.pause -= 1;
            // Nobody else is waited for in this group.
            self.wanted = self.members;
            return None;
        }
        let patience = self.gathering.patience;
        let begun = Instant::now();
        let deadline = *self.deadline.get_or_insert_with(|| begun + patience);
        let mut now = begun;
        loop {
            let left = deadline.saturating_duration_since(now);
            if left.is_zero() {
                return None;
            }
            if self.gathering.looks_again(now - begun) {
                std::thread::yield_now();
            } else if self.wanted - self.members <= FEW {
                return self.receiver.recv_timeout(left).ok();
            } else {
                std::thread::sleep(left.min(STEP));
            }
            now = Instant::now();
            if let Ok(job) = self.receiver.try_recv() {
                return Some(job);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pando_model::engine::Write;
    use std::sync::mpsc::{Sender, channel};
    use tokio::sync::oneshot;

    /// Longer than any test: waiting for it would be seen.
    const FOR_EVER: Duration = Duration::from_secs(3_600);

    fn pending() -> Pending {
        let (reply, _) = oneshot::channel();
        Pending {
            write: Write {
                schema_version: 1,
                steps: Vec::new(),
                receipt: None,
                finish: Box::new(|_| Ok(Vec::new())),
            },
            reply,
        }
    }

    fn send(sender: &Sender<Job>, count: usize) {
        for _ in 0..count {
            sender.send(Job::Write(pending())).unwrap();
        }
    }

    /// The group that is gathered, and the job behind it.
    fn gather(gathering: &mut Gathering, receiver: &Receiver<Job>) -> (usize, Option<Job>) {
        let mut arrivals = gathering.arrivals(receiver);
        let joined = arrivals.by_ref().count();
        let (members, behind) = arrivals.end();
        assert_eq!(members, joined + 1);
        (members, behind)
    }

    fn expecting(expected: usize, patience: Duration) -> Gathering {
        Gathering {
            expected,
            patience,
            ..Gathering::new(512)
        }
    }

    #[test]
    fn a_caller_who_is_alone_does_not_wait() {
        let (_sender, receiver) = channel();
        let (members, other) = gather(&mut expecting(1, FOR_EVER), &receiver);
        assert_eq!(members, 1);
        assert!(other.is_none());
    }

    #[test]
    fn those_who_wait_already_are_all_taken_up_to_the_largest_group() {
        for (waiting, taken) in [(9, 10), (600, 512)] {
            let (sender, receiver) = channel();
            send(&sender, waiting);
            let (members, _) = gather(&mut expecting(1, FOR_EVER), &receiver);
            assert_eq!(members, taken);
        }
    }

    #[test]
    fn a_group_waits_for_callers_who_come_back() {
        for expected in [2, 4, 40] {
            let (sender, receiver) = channel();
            let others = std::thread::spawn(move || {
                send(&sender, expected - 1);
                sender
            });
            let (members, _) = gather(&mut expecting(expected, FOR_EVER), &receiver);
            assert_eq!(members, expected);
            others.join().unwrap();
        }
    }

    #[test]
    fn callers_who_are_not_back_at_once_are_not_looked_for_again_and_again() {
        let (sender, receiver) = channel();
        let mut gathering = expecting(64, FOR_EVER);
        assert!(gathering.looks_again(Duration::ZERO));
        assert!(!gathering.looks_again(AT_ONCE));
        assert!(gathering.first(&receiver).is_none());
        assert!(!gathering.looks_again(Duration::ZERO));
        // One who waited in the queue was not answered just now.
        send(&sender, 1);
        assert!(gathering.first(&receiver).is_some());
        assert!(!gathering.looks_again(Duration::ZERO));
    }

    #[test]
    fn another_job_ends_the_waiting() {
        let (sender, receiver) = channel();
        send(&sender, 1);
        sender.send(Job::Task(Box::new(|_| ()))).unwrap();
        let (members, other) = gather(&mut expecting(10, FOR_EVER), &receiver);
        assert_eq!(members, 2);
        assert!(matches!(other, Some(Job::Task(_))));
    }

    #[test]
    fn where_callers_stay_away_groups_go_off_at_once_for_longer_each_time() {
        let (_sender, receiver) = channel();
        let mut gathering = expecting(10, Duration::ZERO);
        for pause in [1, 2, 4, 8, 16, 32, 64, 64] {
            gather(&mut gathering, &receiver);
            assert_eq!(gathering.pause, pause);
            gathering.patience = FOR_EVER;
            for left in (0..pause).rev() {
                gather(&mut gathering, &receiver);
                assert_eq!(gathering.pause, left);
            }
            gathering.patience = Duration::ZERO;
        }
    }

    #[test]
    fn as_many_are_expected_as_were_answered_and_are_queued() {
        let counters = Counters::default();
        counters.queued.store(30, Relaxed);
        counters.last_commit_ns.store(4_000_000, Relaxed);
        let mut gathering = Gathering::new(512);
        gathering.learn(34, &counters);
        assert_eq!(gathering.expected, 64);
        assert_eq!(gathering.patience, Duration::from_millis(2));
    }
}
