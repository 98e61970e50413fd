use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// An index of documents, as an engine would hold it.
struct Fixture {
    documents: Vec<(String, Analysis)>,
}

impl Fixture {
    fn new(documents: &[(&str, &str)]) -> Fixture {
        Fixture {
            documents: documents
                .iter()
                .map(|(id, text)| (id.to_string(), analyse(text).unwrap()))
                .collect(),
        }
    }

    fn stats(&self) -> Stats {
        Stats {
            documents: self.documents.len() as u64,
            total_length: self
                .documents
                .iter()
                .map(|(_, a)| u64::from(a.length))
                .sum(),
        }
    }

    fn postings(&self, query: &Query) -> Vec<Posting<'_>> {
        let wanted = query.terms();
        let mut found = Vec::new();
        for (document, analysis) in &self.documents {
            for entry in &analysis.terms {
                if wanted.contains(&entry.term.as_str()) {
                    found.push(Posting {
                        document,
                        term: &entry.term,
                        tf: entry.tf,
                        positions: &entry.positions,
                        length: analysis.length,
                    });
                }
            }
        }
        found
    }

    fn search(&self, query: &str) -> Vec<(String, f64)> {
        let query = Query::parse(query).unwrap();
        let postings = self.postings(&query);
        let hits = score(&query, &postings, &self.stats());
        hits.into_iter()
            .map(|hit| (hit.document.to_owned(), hit.score))
            .collect()
    }

    fn ids(&self, query: &str) -> Vec<String> {
        self.search(query).into_iter().map(|(id, _)| id).collect()
    }
}

#[test]
fn a_text_becomes_words_and_dense_text_ones_and_twos() {
    let terms = |text: &str| {
        let analysis = analyse(text).unwrap();
        let terms: Vec<(String, u32)> = analysis
            .terms
            .into_iter()
            .map(|entry| (entry.term, entry.tf))
            .collect();
        (terms, analysis.length)
    };
    let expect = |terms: &[(&str, u32)], length| {
        let terms: Vec<_> = terms
            .iter()
            .map(|(term, tf)| (term.to_string(), *tf))
            .collect();
        (terms, length)
    };
    assert_eq!(
        terms("The cat, the CAT."),
        expect(&[("cat", 2), ("the", 2)], 4)
    );
    assert_eq!(
        terms("한국 한국어"),
        expect(
            &[("국", 2), ("국어", 1), ("어", 1), ("한", 2), ("한국", 2)],
            5
        )
    );
    assert_eq!(
        terms("v2 하하하"),
        expect(&[("v2", 1), ("하", 3), ("하하", 2)], 4)
    );
    assert_eq!(terms("…"), expect(&[], 0));
}

#[test]
fn a_korean_word_is_found_inside_of_others() {
    let fixture = Fixture::new(&[
        ("compound", "빅데이터베이스 구축"),
        ("alone", "데이터 분석"),
        ("particle", "데이터를 저장한다"),
        ("apart", "데이 터미널"),
        ("scattered", "이터널 데이지"),
        ("other", "키값 저장소"),
    ]);
    let found = |query: &str| {
        let mut ids = fixture.ids(query);
        ids.sort();
        ids
    };
    assert_eq!(found("데이터"), ["alone", "compound", "particle"]);
    assert_eq!(found("데이터베이스"), ["compound"]);
    assert_eq!(found("빅"), ["compound"]);
    assert_eq!(found("저장"), ["other", "particle"]);
    assert_eq!(
        found("터"),
        ["alone", "apart", "compound", "particle", "scattered"]
    );
    assert_eq!(found("데이터셋"), [""; 0]);
}

#[test]
fn chinese_japanese_and_thai_words_are_found_inside_of_others() {
    let fixture = Fixture::new(&[
        ("zh", "我们在北京大学学习"),
        ("ja", "データベースサーバーの設定"),
        ("th", "ภาษาไทยเป็นภาษา"),
    ]);
    assert_eq!(fixture.ids("大学"), ["zh"]);
    assert_eq!(fixture.ids("サーバー"), ["ja"]);
    assert_eq!(fixture.ids("ｻｰﾊﾞｰ"), ["ja"]);
    assert_eq!(fixture.ids("ไทย"), ["th"]);
}

#[test]
fn words_with_spaces_are_found_whole_in_any_case() {
    let fixture = Fixture::new(&[
        ("a", "PostgreSQL-compatible store"),
        ("b", "STORES at example.com"),
    ]);
    assert_eq!(fixture.ids("store"), ["a"]);
    assert_eq!(fixture.ids("postgresql"), ["a"]);
    assert_eq!(fixture.ids("Example"), ["b"]);
    assert_eq!(fixture.ids("postgres"), [""; 0]);
}

#[test]
fn a_word_of_two_scripts_is_found_where_they_stand_together() {
    let fixture = Fixture::new(&[
        ("a", "제3장 서론"),
        ("b", "제4장 3절"),
        ("c", "SQLite데이터"),
    ]);
    assert_eq!(fixture.ids("제3장"), ["a"]);
    assert_eq!(fixture.ids("3장"), ["a"]);
    assert_eq!(fixture.ids("sqlite데이"), ["c"]);
}

#[test]
fn any_word_makes_an_answer_and_more_of_them_a_better_one() {
    let fixture = Fixture::new(&[
        ("both", "red car"),
        ("one", "red bus"),
        ("none", "big ship"),
    ]);
    assert_eq!(fixture.ids("red car"), ["both", "one"]);
    assert_eq!(fixture.ids("blue"), [""; 0]);
    assert_eq!(fixture.ids("…"), [""; 0]);
}

#[test]
fn scores_are_what_a_pocket_calculator_gives() {
    // N = 3, lengths 4, 2, 3: mean 3.
    let fixture = Fixture::new(&[
        ("a", "cat sat mat cat"),
        ("b", "cat dog"),
        ("c", "dog ran far"),
    ]);
    // cat: df 2, idf = ln(1 + 1.5/2.5) = ln 1.6 = 0.470003629…
    // a: tf 2, |D|/mean 4/3: 2 / (2 + 1.2·(0.25 + 1)) = 2/3.5
    // b: tf 1, |D|/mean 2/3: 1 / (1 + 1.2·(0.25 + 0.5)) = 1/1.9
    let found = fixture.search("cat");
    let expected = [
        ("a", 0.470_003_629_245_735_6 * 2.0 / 3.5),
        ("b", 0.470_003_629_245_735_6 / 1.9),
    ];
    assert_eq!(found.len(), 2);
    for ((id, score), (expected_id, expected_score)) in found.iter().zip(expected) {
        assert_eq!(id, expected_id);
        assert!((score - expected_score).abs() < 1e-15, "{id}: {score}");
    }
}

#[test]
fn a_dense_words_frequency_is_how_often_it_stands_there() {
    let fixture = Fixture::new(&[
        ("twice", "데이터와 빅데이터"),
        ("once", "데이터와 빅테이블"),
    ]);
    let found = fixture.search("데이터");
    // N = df = 2: idf = ln 1.2 = 0.182321556…; lengths 8 and 8.
    assert_eq!(found[0].0, "twice");
    assert!((found[0].1 - 0.182_321_556_793_954_6 * 2.0 / 3.2).abs() < 1e-15);
    assert!((found[1].1 - 0.182_321_556_793_954_6 / 2.2).abs() < 1e-15);
}

#[test]
fn scores_are_the_same_bits_everywhere() {
    let fixture = Fixture::new(&[
        ("a", "one two three 데이터"),
        ("b", "two three four"),
        ("c", "three 데이터베이스"),
    ]);
    let bits: Vec<(String, u64)> = fixture
        .search("two three 데이터")
        .into_iter()
        .map(|(id, score)| (id, score.to_bits()))
        .collect();
    let expected = [
        ("a", 4_602_034_496_923_975_220),
        ("b", 4_599_690_897_647_123_778),
        ("c", 4_597_931_603_483_200_213),
    ];
    assert_eq!(bits, expected.map(|(id, bits)| (id.to_owned(), bits)));
}

#[test]
fn the_order_and_the_repeating_of_a_querys_words_change_nothing() {
    let fixture = Fixture::new(&[("a", "x y z x"), ("b", "y z z"), ("c", "z x")]);
    let first = fixture.search("x y z");
    for query in ["z y x", "y X z", "x, x, z, y, y"] {
        assert_eq!(fixture.search(query), first, "{query}");
    }
}

#[test]
fn equal_scores_are_ordered_by_id() {
    let fixture = Fixture::new(&[("b", "same text"), ("c", "same text"), ("a", "same text")]);
    assert_eq!(fixture.ids("same"), ["a", "b", "c"]);
}

#[test]
fn no_word_is_found_across_two_texts() {
    let mut analyser = Analyser::default();
    for text in ["제3", "장", "데이", "터"] {
        analyser.add(text).unwrap();
    }
    let fixture = Fixture {
        documents: vec![("a".into(), analyser.finish())],
    };
    assert_eq!(fixture.ids("제3장"), [""; 0]);
    assert_eq!(fixture.ids("데이터"), [""; 0]);
    assert_eq!(fixture.ids("제3 데이"), ["a"]);
}

#[test]
fn what_is_too_large_is_refused() {
    let words = |n: u32| "a ".repeat(n as usize);
    assert_eq!(
        analyse(&words(POSITIONS_MAX)).unwrap().length,
        POSITIONS_MAX
    );
    assert_eq!(
        analyse(&words(POSITIONS_MAX + 1)),
        Err(SearchError::TextTooLong)
    );
    assert_eq!(Query::parse(&words(513)), Err(SearchError::QueryTooLong));
    let hangul: String = ('가'..).take(258).collect();
    assert_eq!(Query::parse(&hangul), Err(SearchError::QueryTooLong));
    let hangul: String = ('가'..).take(257).collect();
    assert_eq!(
        Query::parse(&hangul).unwrap().terms().len(),
        QUERY_TERMS_MAX
    );
}

#[test]
fn damaged_postings_and_statistics_make_no_score_that_is_none() {
    let query = Query::parse("가나다").unwrap();
    let posting = |term, positions| Posting {
        document: "a",
        term,
        tf: 1,
        positions,
        length: 3,
    };
    let damaged = [
        posting("가나", &[0x80, 0x80][..]),
        posting("나다", &[1][..]),
    ];
    assert_eq!(score(&query, &damaged, &Stats::default()), []);
    let whole = [posting("가나", &[0][..]), posting("나다", &[1][..])];
    for stats in [
        Stats::default(),
        Stats {
            documents: 1,
            total_length: 0,
        },
    ] {
        let hits = score(&query, &whole, &stats);
        assert!(hits[0].score > 0.0 && hits[0].score.is_finite(), "{hits:?}");
    }
}

#[test]
fn a_new_unicode_is_not_taken_up_without_a_new_version_of_the_index() {
    let versions = (
        unicode_normalization::UNICODE_VERSION,
        caseless::UNICODE_VERSION,
        char::UNICODE_VERSION,
    );
    // Whoever changes this line raises ANALYSIS_VERSION, if a term of any text changes.
    assert_eq!(
        (ANALYSIS_VERSION, versions),
        (1, ((18, 0, 0), (16, 0, 0), (17, 0, 0)))
    );
}

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
