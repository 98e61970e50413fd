use crate::ask::*;
use crate::bench::{Bench, text};
use pando_model::pattern::PatternKind;
use pando_model::plan::{Comparison, Containment, Is};
use pando_model::text_search::QueryForm;
use pando_store::request::{Condition, Operand, Test, Verb};

const ITEMS: &str = r#"[
    {"id":1,"name":"Red apple","price":1.5,"tags":["fruit","red"],"data":{"n":1,"s":"a"},"raw":{"n":1},"ready":true},
    {"id":2,"name":"Green pear","price":10,"tags":["fruit"],"data":{"n":10,"s":"b","t":["x"]},"raw":null,"ready":false},
    {"id":3,"name":"100% stone","price":null,"tags":null,"data":null,"raw":null,"ready":null}
]"#;

async fn items() -> Bench {
    let bench = Bench::new().await;
    bench
        .write(write(Verb::Insert, "items", ITEMS))
        .await
        .unwrap();
    bench
}

fn text_of(text: &str) -> Operand {
    Operand::One(text.into())
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Checks which items pass each condition: their ids, in order.
async fn check(cases: Vec<(Condition, &str)>) {
    let bench = items().await;
    for (condition, expected) in cases {
        let ask = from("items").select([col("id")]).filter(condition.clone());
        let answer = bench.read(&ask).await;
        let rows: Vec<serde_json::Value> = serde_json::from_slice(&answer.body).unwrap();
        let ids: Vec<String> = rows.iter().map(|row| row["id"].to_string()).collect();
        assert_eq!(ids.join(" "), expected, "{condition:?}");
    }
}

#[tokio::test]
async fn comparisons_and_lists_find_their_rows() {
    use Comparison::{Eq, Ge, Gt, Le, Lt, Ne};
    let compare_any = |list: &[&str]| Test::Compare(Eq, Operand::Any(texts(list)));
    let compare_all = |list: &[&str]| Test::Compare(Ne, Operand::All(texts(list)));
    check(vec![
        (compare("price", Eq, "1.50"), "1"),
        (compare("price", Ne, "1.5"), "2"),
        (compare("price", Gt, "1.499"), "1 2"),
        (compare("price", Ge, "10"), "2"),
        (compare("price", Lt, "10"), "1"),
        (compare("price", Le, "10"), "1 2"),
        (not(compare("price", Eq, "1.5")), "2"),
        (test("id", compare_any(&["1", "3"])), "1 3"),
        (test("id", compare_all(&["1", "3"])), "2"),
        (test("id", compare_any(&[])), ""),
        (not(test("id", compare_any(&[]))), "1 2 3"),
        (test("price", Test::IsDistinct("10".into())), "1 3"),
        (test("id", Test::In(texts(&["2", "3"]))), "2 3"),
        (test("id", Test::In(vec![])), ""),
        (test("name", Test::In(texts(&["Red apple", ""]))), "1"),
    ])
    .await;
}

#[tokio::test]
async fn states_find_their_rows() {
    check(vec![
        (is_null("price"), "3"),
        (test("price", Test::Is(Is::Null, true)), "1 2"),
        (test("ready", Test::Is(Is::True, false)), "1"),
        (test("ready", Test::Is(Is::False, false)), "2"),
        (test("ready", Test::Is(Is::Unknown, false)), "3"),
    ])
    .await;
}

#[tokio::test]
async fn patterns_and_searches_find_their_rows() {
    use PatternKind::{ILike, Like, Regex, RegexInsensitive};
    check(vec![
        (test("name", Test::Match(Like, text_of("%e%"))), "1 2 3"),
        (test("name", Test::Match(Like, text_of("red%"))), ""),
        (test("name", Test::Match(ILike, text_of("red%"))), "1"),
        (test("name", Test::Match(Like, text_of("100\\%%"))), "3"),
        (test("name", Test::Match(Regex, text_of("^[RG]"))), "1 2"),
        (
            test("name", Test::Match(RegexInsensitive, text_of("APPLE$"))),
            "1",
        ),
        (
            test(
                "name",
                Test::Match(Like, Operand::All(texts(&["%e%", "%p%"]))),
            ),
            "1 2",
        ),
        (
            test(
                "name",
                Test::Search(QueryForm::Fts, None, "apple | pear".into()),
            ),
            "1 2",
        ),
        (
            test(
                "name",
                Test::Search(QueryForm::Plain, Some("simple".into()), "red apple".into()),
            ),
            "1",
        ),
    ])
    .await;
}

#[tokio::test]
async fn arrays_and_documents_are_found_by_what_they_contain() {
    check(vec![
        (
            test(
                "tags",
                Test::Containment(Containment::Contains, "{red}".into()),
            ),
            "1",
        ),
        (
            test(
                "tags",
                Test::Containment(Containment::ContainedBy, "{fruit,x}".into()),
            ),
            "2",
        ),
        (
            test(
                "tags",
                Test::Containment(Containment::Overlaps, "{red,x}".into()),
            ),
            "1",
        ),
        (
            test(
                "data",
                Test::Containment(Containment::Contains, r#"{"n":10}"#.into()),
            ),
            "2",
        ),
    ])
    .await;
}

#[tokio::test]
async fn values_within_documents_find_their_rows() {
    use Comparison::Gt;
    check(vec![
        (compare("data->n", Gt, "9"), "2"),
        (compare("data->>n", Gt, "9"), ""),
        (eq("data->>s", "a"), "1"),
        (eq("data->t->>0", "x"), "2"),
        (eq("raw->>n", "1"), "1"),
    ])
    .await;
}

#[tokio::test]
async fn conditions_are_joined_and_denied() {
    check(vec![
        (
            Condition::Or(false, vec![eq("id", "1"), is_null("price")]),
            "1 3",
        ),
        (
            Condition::And(true, vec![eq("id", "1"), eq("price", "1.5")]),
            "2 3",
        ),
    ])
    .await;
}

#[tokio::test]
async fn an_operand_that_is_none_of_its_type_is_refused() {
    let bench = items().await;
    let cases = [
        (eq("id", "one"), "22P02"),
        (eq("id", "99999999999999999999"), "22003"),
        (eq("name", "a\0b"), "22021"),
        (test("id", Test::In(texts(&["1", "x"]))), "22P02"),
        (eq("data->n", "x"), "22P02"),
        (eq("raw", "1"), "42883"),
        (eq("raw->n", "1"), "42883"),
        (test("id", Test::Is(Is::True, false)), "42804"),
        (
            test("id", Test::Match(PatternKind::Like, text_of("1%"))),
            "42883",
        ),
        (
            test("name", Test::Match(PatternKind::Regex, text_of("("))),
            "2201B",
        ),
        (
            test("id", Test::Search(QueryForm::Plain, None, "x".into())),
            "42883",
        ),
        (
            test(
                "name",
                Test::Search(QueryForm::Plain, Some("english".into()), "x".into()),
            ),
            "42704",
        ),
        (
            test(
                "name",
                Test::Containment(Containment::Contains, "{a}".into()),
            ),
            "42883",
        ),
        (
            test(
                "data",
                Test::Containment(Containment::Overlaps, "{}".into()),
            ),
            "42883",
        ),
        (eq("nme", "x"), "42703"),
    ];
    for (condition, code) in cases {
        bench.refused(from("items").filter(condition), code).await;
    }
    let refusal = bench
        .refused(
            from("items").filter(test("id", Test::Match(PatternKind::ILike, text_of("1")))),
            "42883",
        )
        .await;
    assert_eq!(
        refusal.message,
        "operator does not exist: bigint ~~* unknown"
    );
}

#[tokio::test]
async fn quotes_in_names_and_values_stay_values() {
    let bench = items().await;
    let nasty = "x' OR '1'='1\"; DROP TABLE items; --";
    let ask = from("items").filter(eq("name", nasty));
    assert_eq!(text(&bench.read(&ask).await), "[]");
    bench
        .refused(from("items").filter(eq(nasty, "1")), "42703")
        .await;
    bench.refused(from(nasty), "PGRST205").await;
    let named = from("items")
        .select([col("a\"b\\:id")])
        .filter(eq("id", "1"));
    bench.check(named, r#"[{"a\"b\\":1}]"#).await;
}
