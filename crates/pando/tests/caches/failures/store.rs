//! What becomes of the store, or of one process's way to it: what lies in memory goes on as its
//! strategy says, all else is refused clearly, and nothing is older than what was written.

use super::collection::{Collection, Lifetime, Session, Visit, timed};
use super::scene::{A, B, LIMIT, Scene, at_once};
use crate::support::Answer;
use pando_cluster::{Faults, Stop, Way, until};
use std::time::{Duration, Instant};

/// How much later each answer of a slow store comes.
const DELAY: Duration = Duration::from_millis(100);
/// So many ask at once for what is nowhere but in the store.
const ASKING: usize = 4;
/// What is written while the store fails.
const REFUSED: u64 = 99;

/// What becomes of it, as one process sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Connections end, and none is let in; the other process goes on.
    CutOff,
    /// Connections stay, and nothing passes; the other process goes on.
    HalfOpen,
    /// PostgreSQL has ended, for both.
    Down,
}

impl Fault {
    async fn begin(self, scene: &Scene) {
        match self {
            Fault::CutOff => Scene::cut_off(&scene.ways[B]).await,
            Fault::HalfOpen => scene.ways[B].set_faults(Faults {
                stalled: true,
                ..Faults::default()
            }),
            Fault::Down => {
                let stopped = scene.postgres.stop(Stop::Immediate).await;
                stopped.expect("PostgreSQL runs");
            }
        }
    }

    async fn end(self, scene: &Scene) {
        match self {
            Fault::CutOff | Fault::HalfOpen => Scene::mend(&scene.ways[B]).await,
            Fault::Down => scene.postgres.start().await.expect("PostgreSQL starts"),
        }
    }
}

/// What somebody was told who wrote while the store failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// Nothing was done.
    Refused,
    /// It may have been done.
    Unknown,
}

/// What was refused was refused clearly.
fn refused(answer: &Answer, why: &str) -> Told {
    assert!([503, 504].contains(&answer.status), "{why}: {answer:?}");
    let error = answer.json();
    let has_message = error["message"]
        .as_str()
        .is_some_and(|said| !said.is_empty());
    assert!(has_message, "{why}: {answer:?}");
    match error["code"].as_str() {
        // A read of which nobody knows how long it would have taken.
        Some("57014") => Told::Refused,
        Some("outcome_unknown") => {
            let again = answer.header("retry-after");
            assert_eq!(again, None, "{why}: it may have been done");
            Told::Unknown
        }
        _ => {
            let again = answer.header("retry-after").map(str::parse::<u32>);
            assert!(matches!(again, Some(Ok(1..))), "{why}: {answer:?}");
            Told::Refused
        }
    }
}

/// A key that both processes have in memory, and what is tried with it while the store fails.
struct Trial {
    visit: Visit,
    /// Where it is, the process with the fault.
    other: Visit,
    told: Option<Told>,
}

impl Trial {
    fn new(scene: &Scene, of: Collection) -> Trial {
        Trial {
            visit: Visit::new(of, scene.new_key()),
            other: Visit::new(of, scene.new_key()),
            told: None,
        }
    }

    fn write(&mut self, scene: &Scene) {
        self.visit.write(&scene.processes[A]);
        self.other.write(&scene.processes[A]);
    }

    /// It comes to lie in the memory of the process that will be on its own.
    fn lay_down(&mut self, scene: &Scene) {
        let visit = &mut self.visit;
        // From here on he has seen the journal applied, too, where there is one.
        visit.read_from_the_owner(&scene.processes[A]);
        let began = Instant::now();
        loop {
            let before = scene.count(B, visit.of, "hits");
            visit.read_own(&scene.processes[B], "before");
            visit.read_own(&scene.processes[B], "before");
            if scene.count(B, visit.of, "hits") >= before + 2 {
                return;
            }
            // It may run out between the two.
            assert!(began.elapsed() < LIMIT, "{} is not kept", visit.of.name());
        }
    }

    /// What is fresh is given, to its writer and to anybody.
    fn is_given_from_memory(&mut self, scene: &Scene, why: &str) {
        let visit = &mut self.visit;
        if visit.of.lifetime != Lifetime::Long {
            return;
        }
        let before = scene.counts(B, visit.of, ["hits", "loads"]);
        visit.read_own(&scene.processes[B], why);
        let anybody = Session::default().read(&scene.processes[B], visit.of, visit.key);
        assert_eq!(anybody, Some(visit.n), "{why}: {}", visit.of.name());
        let after = scene.counts(B, visit.of, ["hits", "loads"]);
        let expected = [before[0] + 2, before[1]];
        assert_eq!(after, expected, "{why}: {}", visit.of.name());
    }

    /// All that is asked of the process that cannot ask the store; at once, for each takes until
    /// it is given up.
    fn is_asked(&mut self, scene: &Scene, why: &str) {
        let Trial { visit, other, told } = self;
        let of = visit.of;
        let why = &format!("{why}: {}", of.name());
        let at = &scene.processes[B];
        std::thread::scope(|scope| {
            let (cold, own) = (scene.new_key(), visit.clone());
            scope.spawn(move || {
                let answer = Session::default().get(at, of, cold);
                refused(&answer, &format!("{why}: what is in the store alone"));
            });
            let key = visit.key;
            scope.spawn(move || is_given_to_anybody(scene, of, key, own.n, why));
            let mut own = visit.clone();
            scope.spawn(move || {
                // He may have seen more than this process has heard of: then it is not his.
                let answer = own.session.get(at, of, own.key);
                match answer.status {
                    200 => assert_eq!(of.number_of(&answer), Some(own.n), "{why}: older"),
                    _ => drop(refused(&answer, why)),
                }
            });
            let written = scope.spawn(move || {
                let answer = other.session.put(at, of, other.key, REFUSED);
                refused(&answer, &format!("{why}: a write"))
            });
            *told = Some(written.join().expect("it is refused"));
        });
    }

    /// Once the store is back each is answered, with what was acknowledged and nothing else.
    fn is_as_it_was_left(&mut self, scene: &Scene, why: &str) {
        let Trial { visit, other, told } = self;
        visit.read_own(&scene.processes[B], why);
        let n = other.session.read(&scene.processes[B], other.of, other.key);
        let name = other.of.name();
        match told {
            Some(Told::Unknown) if n == Some(REFUSED) => {}
            _ => assert_eq!(n, Some(other.n), "{why}: {name}: {told:?}"),
        }
        visit.write_and_read_own(scene, B, why);
    }
}

/// Somebody without a stamp is given what lies in memory for as long as the rule says, and is
/// refused from then on.
fn is_given_to_anybody(scene: &Scene, of: Collection, key: u64, n: u64, why: &str) {
    let began = Instant::now();
    let given = || scene.count(B, of, "stale_on_error");
    let before = given();
    loop {
        let answer = Session::default().get(&scene.processes[B], of, key);
        if answer.status != 200 {
            refused(&answer, why);
            assert!(
                !of.outlives_the_store(),
                "{why}: it is to be given: {answer:?}"
            );
            return;
        }
        // What the other process has written since is not known here.
        let found = of.number_of(&answer);
        assert!(found == Some(n) || found == Some(n - 1), "{why}: {found:?}");
        if of.lifetime == Lifetime::Long || given() > before {
            assert!(of.outlives_the_store(), "{why}: it is past its time");
            return;
        }
        assert!(began.elapsed() < LIMIT, "{why}: it stays fresh");
    }
}

async fn comes_back(scene: &Scene, fault: Fault) {
    let look = async || {
        let follows = [A, B].map(|process| scene.is_following(process));
        match follows {
            [true, true] => Ok(()),
            other => Err(format!("{other:?}")),
        }
    };
    let what = format!("{fault:?}: the store followed");
    until(&what, LIMIT, look).await.expect("it is back");
}

const LIFETIMES: [Lifetime; 3] = [Lifetime::Long, Lifetime::Brief, Lifetime::Kept];

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_cannot_be_asked_memory_answers_as_the_rule_says_and_all_else_is_refused() {
    let collections = Collection::all(&LIFETIMES);
    let scene = Scene::start(&collections, 8).await;
    for fault in [Fault::CutOff, Fault::HalfOpen, Fault::Down] {
        let began = Instant::now();
        let why = format!("{fault:?}");
        let each = collections.iter();
        let mut trials: Vec<_> = each.map(|of| Trial::new(&scene, *of)).collect();
        at_once(&mut trials, |trial| trial.write(&scene));
        scene.journal_is_applied(&why).await;
        at_once(&mut trials, |trial| trial.lay_down(&scene));
        fault.begin(&scene).await;
        at_once(&mut trials, |trial| {
            trial.is_given_from_memory(&scene, &why);
            if fault != Fault::Down {
                // The other process goes on, and this one hears nothing of it.
                trial.visit.write(&scene.processes[A]);
            }
            trial.is_asked(&scene, &why);
        });
        println!("{fault:?}: asked for {:?}", began.elapsed());
        assert!(!scene.is_following(B), "{why}: it says that it follows");
        fault.end(&scene).await;
        comes_back(&scene, fault).await;
        at_once(&mut trials, |trial| trial.is_as_it_was_left(&scene, &why));
        println!("{fault:?}: {:?}", began.elapsed());
    }
    scene.is_consistent(&collections);
}

/// Over a slow way to the store.
fn is_slow(scene: &Scene, visit: &mut Visit) {
    let (of, at) = (visit.of, &scene.processes[B]);
    let name = of.name();
    let before = scene.count(B, of, "loads");
    let took = (0..10)
        .map(|_| timed(|| visit.read_own(at, "slow")).0)
        .min();
    if of.promised().is_some() {
        assert_eq!(scene.count(B, of, "loads"), before, "{name} lay in memory");
        assert!(took < Some(DELAY), "{name}: {took:?} from memory");
    }
    // The other process writes, and this one hears of it late.
    visit.write(&scene.processes[A]);
    visit.read_own(at, "slow");
    // Of those who ask for one thing at once, one asks the store.
    let mut cold = Visit::new(of, scene.new_key());
    cold.write(&scene.processes[A]);
    scene.flush(A, of);
    let before = scene.count(B, of, "loads");
    std::thread::scope(|scope| {
        for mut one in vec![cold; ASKING] {
            scope.spawn(move || one.read_own(at, "slow"));
        }
    });
    if of.promised().is_some() {
        assert_eq!(scene.count(B, of, "loads"), before + 1, "{name}");
    }
    visit.write_and_read_own(scene, B, "slow");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_store_is_asked_once_for_each_thing_and_memory_does_not_wait_for_it() {
    let collections = Collection::all(&[Lifetime::Long]);
    let scene = Scene::start(&collections, 8).await;
    let mut visits = scene.visits(&collections);
    at_once(&mut visits, |visit| {
        // Statements are prepared, too.
        for at in &scene.processes {
            visit.write(at);
            visit.read_own(at, "before");
        }
        visit.read_own(&scene.processes[A], "before");
    });
    let down = Way {
        delay: DELAY,
        ..Way::default()
    };
    scene.ways[B].set_faults(Faults {
        down,
        ..Faults::default()
    });
    at_once(&mut visits, |visit| is_slow(&scene, visit));
    Scene::mend(&scene.ways[B]).await;
    at_once(&mut visits, |visit| {
        visit.write_and_read_own(&scene, B, "quick again")
    });
    scene.is_consistent(&collections);
}
