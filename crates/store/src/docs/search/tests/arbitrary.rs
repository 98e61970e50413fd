//! Random texts, against a search that counts words in the dullest way.

use super::{Fixture, Query};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The units of a text, in the dullest way: words, or single Hangul syllables with the number of their run.
fn naive_units(text: &str) -> Vec<(String, usize)> {
    let mut units: Vec<(String, usize)> = Vec::new();
    let mut run = 0;
    let mut before = ' ';
    for c in text.chars() {
        let hangul = |c: char| ('가'..='힣').contains(&c);
        if c == ' ' {
            run += 1;
        } else if hangul(c) != hangul(before) || before == ' ' || hangul(c) {
            run += usize::from(hangul(c) != hangul(before));
            units.push((c.to_string(), run));
        } else if let Some((word, _)) = units.last_mut() {
            word.push(c);
        }
        before = c;
    }
    units
}

/// How often a word stands in a text: at which units it begins.
fn naive_count(units: &[(String, usize)], word: &[(String, usize)]) -> usize {
    let fits = |window: &&[(String, usize)]| {
        let same = window
            .iter()
            .zip(word)
            .all(|((have, _), (want, _))| have == want);
        let together = (1..word.len()).all(|at| {
            // Two syllables of one run of the query stand in one run of the text.
            word[at - 1].1 != word[at].1 || window[at - 1].1 == window[at].1
        });
        same && together
    };
    units.windows(word.len()).filter(fits).count()
}

fn naive_search(documents: &[String], query: &str) -> BTreeMap<String, f64> {
    let units: Vec<_> = documents.iter().map(|text| naive_units(text)).collect();
    let mean = units.iter().map(Vec::len).sum::<usize>() as f64 / documents.len() as f64;
    let mut words: Vec<_> = query.split_whitespace().collect();
    words.sort_unstable();
    words.dedup();
    let mut scores = BTreeMap::new();
    for word in words {
        let word = naive_units(word);
        let counts: Vec<usize> = units
            .iter()
            .map(|units| naive_count(units, &word))
            .collect();
        let df = counts.iter().filter(|&&count| count > 0).count() as f64;
        let idf = (1.0 + (documents.len() as f64 - df + 0.5) / (df + 0.5)).ln();
        for (at, &tf) in counts.iter().enumerate().filter(|(_, tf)| **tf > 0) {
            let tf = tf as f64;
            let norm = 1.2 * (0.25 + 0.75 * units[at].len() as f64 / mean);
            *scores.entry(format!("{at:02}")).or_insert(0.0) += idf * tf / (tf + norm);
        }
    }
    scores
}

proptest! {
    #[test]
    fn answers_and_scores_are_those_of_a_naive_search(
        documents in prop::collection::vec("[가나다ab ]{0,12}", 1..8),
        query in "[가나다ab]{1,4}( [가나다ab]{1,3}){0,2}",
    ) {
        let named: Vec<(String, &str)> = documents.iter().enumerate()
            .map(|(at, text)| (format!("{at:02}"), text.as_str())).collect();
        let named: Vec<(&str, &str)> = named.iter().map(|(id, text)| (id.as_str(), *text)).collect();
        let found = Fixture::new(&named).search(&query);
        prop_assert!(found.is_sorted_by(|a, b| a.1 > b.1 || a.1 == b.1 && a.0 < b.0), "{:?}", found);
        let expected = naive_search(&documents, &query);
        let found: BTreeMap<String, f64> = found.into_iter().collect();
        prop_assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (id, score) in &found {
            prop_assert!((score - expected[id]).abs() < 1e-12, "{}: {} {}", id, score, expected[id]);
        }
    }

    #[test]
    fn whatever_part_of_a_dense_text_is_searched_is_found(
        text in "[가-힣一-龥ぁ-んァ-ヶ]{1,12}",
        part in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        let chars: Vec<char> = text.chars().collect();
        let (a, b) = (part.0.index(chars.len()), part.1.index(chars.len()));
        let query: String = chars[a.min(b)..=a.max(b)].iter().collect();
        let fixture = Fixture::new(&[("a", &text), ("b", "nothing")]);
        prop_assert_eq!(fixture.ids(&query), ["a"], "{} in {}", query, text);
    }

    #[test]
    fn no_text_makes_it_panic_and_every_text_finds_itself(text in "\\PC{0,40}") {
        let fixture = Fixture::new(&[("a", &text)]);
        let query = Query::parse(&text).unwrap();
        prop_assert_eq!(fixture.ids(&text).len(), usize::from(!query.is_empty()), "{:?}", text);
    }
}
