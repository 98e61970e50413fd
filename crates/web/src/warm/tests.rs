use super::*;

#[test]
fn a_query_is_read_by_the_grammar_of_its_collection() {
    for (collection, query, fault) in [
        ("rest/t", "", None),
        ("rest/t", "select=*&order=views.desc&limit=1000", None),
        (
            "rest/t",
            "select=*&order=views.down",
            Some("failed to parse order"),
        ),
        (
            "rest/t",
            "columns=a",
            Some("columns is a parameter of writes"),
        ),
        ("rest/t", "name=eq.a b", Some("is not a query string")),
        ("docs/c", "search=tea&limit=10", None),
        ("docs/c", "limit=ten", Some("ten")),
        ("kv/s", "prefix=user:&limit=500", None),
        (
            "kv/s",
            "order=key",
            Some("there is no parameter \"order\" here"),
        ),
        ("wide/w", "partition=JFK&limit=10", None),
        ("wide/w", "limit=10", Some("none is named")),
        ("graph/g", "limit=10", None),
        ("graph/g", "kind=person", Some("there is no parameter")),
    ] {
        let read = WarmQuery::read(collection, query);
        match (read, fault) {
            (Ok(_), None) => {}
            (Err(error), Some(fault)) => {
                assert!(error.is_callers(), "{collection} {query}: {error}");
                let told = error.told();
                assert!(told.contains(fault), "{collection} {query}: {told}");
            }
            (read, _) => panic!("{collection} {query}: {read:?}"),
        }
    }
}
