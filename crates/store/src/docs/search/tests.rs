mod arbitrary;

use super::*;

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
