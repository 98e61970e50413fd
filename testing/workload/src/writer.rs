//! What a writer sent, what it was answered, and whether what is there agrees with it.

use crate::draw;
use crate::names::Names;
use crate::op::Transaction;
use crate::state::{State, View};
use rand::Rng;
use std::collections::BTreeSet;

/// Differences that are told at most.
const TOLD_MAX: usize = 24;

/// A writer and its book. `A` is what it keeps of an answer.
#[derive(Clone, Debug)]
pub struct Writer<A> {
    names: Names,
    next: u64,
    /// After the last transaction that was answered.
    state: State,
    /// What it was before each transaction that was answered since all was settled.
    earlier: Vec<State>,
    answered: Vec<(Transaction, A)>,
    in_doubt: Option<Transaction>,
}

/// What is there of the transaction that was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing; or there was none.
    Before,
    /// All of it.
    After,
}

impl<A> Writer<A> {
    /// One that has written nothing.
    pub fn new(number: u64) -> Writer<A> {
        Writer {
            names: Names(number),
            next: 1,
            state: State::default(),
            earlier: Vec::new(),
            answered: Vec::new(),
            in_doubt: None,
        }
    }

    /// What its things are called.
    pub fn names(&self) -> Names {
        self.names
    }

    /// What its answers say is there.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What has been answered since all was settled.
    pub fn answered(&self) -> &[(Transaction, A)] {
        &self.answered
    }

    /// What was not answered.
    pub fn in_doubt(&self) -> Option<&Transaction> {
        self.in_doubt.as_ref()
    }

    /// Draws a transaction to be sent next; one that is refused is simply forgotten.
    pub fn draw(&mut self, chance: &mut impl Rng) -> Transaction {
        debug_assert!(self.in_doubt.is_none(), "nobody knows what is there");
        let number = self.next;
        self.next += 1;
        Transaction {
            key: format!("{}-{number}", self.names.own()),
            ops: draw::ops(self.names, &self.state, number, chance),
        }
    }

    /// The transaction was answered: it is done.
    pub fn acknowledge(&mut self, transaction: Transaction, answer: A) {
        let after = after(&self.state, &transaction);
        self.earlier.push(std::mem::replace(&mut self.state, after));
        self.answered.push((transaction, answer));
    }

    /// The transaction was not answered: it may have been done or not.
    pub fn doubt(&mut self, transaction: Transaction) {
        self.in_doubt = Some(transaction);
    }

    /// What was in doubt was sent again and is done; what was answered was looked at. From
    /// here on it is history.
    pub fn settle(&mut self) {
        if let Some(transaction) = self.in_doubt.take() {
            self.state = after(&self.state, &transaction);
        }
        self.earlier.clear();
        self.answered.clear();
    }

    /// What there must be as a whole, if this much was found.
    pub fn state_if(&self, found: Found) -> State {
        match (&self.in_doubt, found) {
            (Some(transaction), Found::After) => after(&self.state, transaction),
            _ => self.state.clone(),
        }
    }

    /// Whether what is there is what the answers say: all that was acknowledged, and of what
    /// was not answered all or nothing. If not, what is wrong: `… lost …` for an earlier
    /// state, `… half …` for none that ever was.
    pub fn judge(&self, found: &View) -> Result<Found, String> {
        let view = |state: &State| state.view(self.names);
        for which in [Found::Before, Found::After] {
            if *found == view(&self.state_if(which)) {
                return Ok(which);
            }
        }
        let own = self.names.own();
        let place = self.earlier.iter().rposition(|state| view(state) == *found);
        if let Some(place) = place {
            let lost = self.earlier.len() - place;
            let (transaction, _) = &self.answered[place];
            return Err(format!(
                "{own}: lost: {lost} transactions from {} on",
                transaction.key
            ));
        }
        let (before, after) = (view(&self.state), view(&self.state_if(Found::After)));
        let told = differences(&before, &after, found);
        let in_doubt = &self.in_doubt;
        Err(format!(
            "{own}: half: {}; in doubt: {in_doubt:?}",
            told.join("; ")
        ))
    }
}

/// What is neither as before nor as after, then what is only one of the two.
fn differences(before: &View, after: &View, found: &View) -> Vec<String> {
    let all = before.keys().chain(after.keys()).chain(found.keys());
    let (mut alien, mut mixed) = (Vec::new(), Vec::new());
    for name in all.collect::<BTreeSet<_>>() {
        let show = |view: &View| view.get(name).map_or("-".to_owned(), ToString::to_string);
        let (before, after, found) = (show(before), show(after), show(found));
        let line = format!("{name}: {found} is there, {before} before and {after} after");
        match (found == before, found == after) {
            (false, false) => alien.push(line),
            (true, true) => {}
            _ => mixed.push(line),
        }
    }
    alien.extend(mixed);
    alien.truncate(TOLD_MAX);
    alien
}

fn after(state: &State, transaction: &Transaction) -> State {
    let mut after = state.clone();
    for op in &transaction.ops {
        after.apply(op);
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use serde_json::json;

    /// A writer after so many transactions, and one in doubt.
    fn writer(transactions: usize) -> Writer<()> {
        let mut chance = StdRng::seed_from_u64(7);
        let mut writer = Writer::new(3);
        for _ in 0..transactions {
            let transaction = writer.draw(&mut chance);
            writer.acknowledge(transaction, ());
        }
        let transaction = writer.draw(&mut chance);
        writer.doubt(transaction);
        writer
    }

    fn view(writer: &Writer<()>, found: Found) -> View {
        writer.state_if(found).view(writer.names())
    }

    #[test]
    fn what_is_in_doubt_is_there_or_not() {
        for transactions in 0..60 {
            let mut writer = writer(transactions);
            for found in [Found::Before, Found::After] {
                assert_eq!(writer.judge(&view(&writer, found)), Ok(found));
            }
            let after = view(&writer, Found::After);
            writer.settle();
            assert_eq!(writer.judge(&after), Ok(Found::Before));
        }
    }

    #[test]
    fn an_earlier_state_is_a_loss() {
        let writer = writer(20);
        for (place, earlier) in writer.earlier.iter().enumerate() {
            let told = writer.judge(&earlier.view(writer.names())).unwrap_err();
            let expected = format!("lost: {} transactions from w3-{}", 20 - place, place + 1);
            assert!(told.contains(&expected), "{told}");
        }
    }

    #[test]
    fn whatever_is_missing_wrong_or_too_much_is_half() {
        let writer = writer(20);
        let whole = view(&writer, Found::Before);
        for name in whole.keys().map(String::as_str).chain(["node x"]) {
            for value in [None, Some(json!("other"))] {
                let mut found = whole.clone();
                match &value {
                    None => found.remove(name),
                    Some(value) => found.insert(name.to_owned(), value.clone()),
                };
                if found == whole {
                    continue; // the one that is not there was taken away
                }
                let told = writer.judge(&found).unwrap_err();
                assert!(told.contains("half") && told.contains(name), "{told}");
            }
        }
    }

    #[test]
    fn each_sort_of_operation_is_drawn() {
        let mut chance = StdRng::seed_from_u64(1);
        let mut writer: Writer<()> = Writer::new(1);
        let mut sorts = BTreeSet::new();
        for _ in 0..400 {
            let transaction = writer.draw(&mut chance);
            let names = transaction.ops.iter().map(|op| format!("{op:?}"));
            sorts.extend(names.filter_map(|name| Some(name.split(' ').next()?.to_owned())));
            writer.acknowledge(transaction, ());
        }
        assert_eq!(sorts.len(), 16, "{sorts:?}");
    }
}
