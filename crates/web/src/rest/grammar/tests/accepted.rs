//! What is understood, shown in the compact notation of [`super::echo`].
//!
//! The echo writes every item out in full (`+` not negated, `asc`, quoted names),
//! so a line that reads right was understood right.

use super::echo::query_text;
use crate::rest::grammar::query::parse;

fn check(cases: &[(&str, &str)]) {
    for (input, expected) in cases {
        match parse(input) {
            Ok(parsed) => assert_eq!(query_text(&parsed), *expected, "for {input:?}"),
            Err(refusal) => panic!("{input:?} was refused: {refusal:?}"),
        }
    }
}

#[test]
fn columns_are_understood() {
    check(&[
        ("", ""),
        ("select=", ""),
        ("select=*", "select=*"),
        ("select=id", r#"select="id""#),
        ("select=id,name", r#"select="id","name""#),
        ("select=id,%20name", r#"select="id","name""#),
        ("select=id+,+name", r#"select="id","name""#),
        ("select=*,name", r#"select=*,"name""#),
        ("select=a:id", r#"select="a":"id""#),
        ("select=id::text", r#"select="id"::text"#),
        ("select=a:id::text", r#"select="a":"id"::text"#),
        (
            "select=identifier%20with%20spaces",
            r#"select="identifier with spaces""#,
        ),
        (
            "select=identifier-with-dashes",
            r#"select="identifier-with-dashes""#,
        ),
        ("select=123", r#"select="123""#),
        ("select=_", r#"select="_""#),
        ("select=$", r#"select="$""#),
        ("select=%ED%95%9C%EA%B8%80", r#"select="한글""#),
        (r#"select="%20leading%20""#, r#"select=" leading ""#),
        (r#"select=":""#, r#"select=":""#),
        (r#"select="a\"b\\c""#, r#"select="a\"b\\c""#),
        (r#"select="a,b","c.d""#, r#"select="a,b","c.d""#),
    ]);
}

#[test]
fn paths_into_documents_are_understood() {
    check(&[
        ("select=doc->a", r#"select="doc"->"a""#),
        ("select=doc->a->b", r#"select="doc"->"a"->"b""#),
        ("select=doc->a->0->>b", r#"select="doc"->"a"->0->>"b""#),
        ("select=doc->>0", r#"select="doc"->>0"#),
        ("select=doc->-1", r#"select="doc"->-1"#),
        ("select=doc->78xy", r#"select="doc"->"78xy""#),
        ("select=doc->!@$%25^", r#"select="doc"->"!@$%^""#),
        (r#"select=doc->"a.b"->c"#, r#"select="doc"->"a.b"->"c""#),
        ("select=doc->a-b->c", r#"select="doc"->"a-b"->"c""#),
        ("select=doc->>a::int", r#"select="doc"->>"a"::int"#),
        ("select=x:doc->a::json", r#"select="x":"doc"->"a"::json"#),
        ("select=doc->0,other", r#"select="doc"->0,"other""#),
    ]);
}

#[test]
fn embedded_resources_are_understood() {
    check(&[
        ("select=client(id)", r#"select="client"("id")"#),
        ("select=client()", r#"select="client"()"#),
        ("select=client(*)", r#"select="client"(*)"#),
        (
            "select=*,client(*,nested(*))",
            r#"select=*,"client"(*,"nested"(*))"#,
        ),
        ("select=c:client(id)", r#"select="c":"client"("id")"#),
        ("select=client!fk(id)", r#"select="client"!"fk"("id")"#),
        ("select=client!inner(id)", r#"select="client"!inner("id")"#),
        ("select=client!left(id)", r#"select="client"("id")"#),
        (
            "select=client!fk!inner(id)",
            r#"select="client"!"fk"!inner("id")"#,
        ),
        (
            "select=client!inner!fk(id)",
            r#"select="client"!"fk"!inner("id")"#,
        ),
        (
            "select=client!innermost(id)",
            r#"select="client"!"innermost"("id")"#,
        ),
        ("select=...client(id)", r#"select=..."client"("id")"#),
        (
            "select=...client!fk!inner(id)",
            r#"select=..."client"!"fk"!inner("id")"#,
        ),
        (
            "select=*,...client(*),other(*)",
            r#"select=*,..."client"(*),"other"(*)"#,
        ),
        (
            "select=client(%20id,name%20)",
            r#"select="client"("id","name")"#,
        ),
    ]);
}

#[test]
fn aggregates_are_understood() {
    check(&[
        ("select=count()", "select=count()"),
        ("select=n:count()", r#"select="n":count()"#),
        ("select=count()::text", "select=count()::text"),
        ("select=count", r#"select="count""#),
        ("select=amount.sum()", r#"select="amount".sum()"#),
        ("select=amount.avg()", r#"select="amount".avg()"#),
        (
            "select=amount.min(),amount.max()",
            r#"select="amount".min(),"amount".max()"#,
        ),
        ("select=id.count()", r#"select="id".count()"#),
        (
            "select=amount::int.sum()::text",
            r#"select="amount"::int.sum()::text"#,
        ),
        (
            "select=t:amount.sum(),day",
            r#"select="t":"amount".sum(),"day""#,
        ),
        (
            "select=doc->>n::int.sum()",
            r#"select="doc"->>"n"::int.sum()"#,
        ),
        ("select=client(count())", r#"select="client"(count())"#),
    ]);
}

#[test]
fn comparisons_are_understood() {
    check(&[
        ("id=eq.1", r#""id"=+eq.1"#),
        ("id=neq.1", r#""id"=+neq.1"#),
        ("id=gt.1", r#""id"=+gt.1"#),
        ("id=gte.1", r#""id"=+gte.1"#),
        ("id=lt.1", r#""id"=+lt.1"#),
        ("id=lte.1", r#""id"=+lte.1"#),
        ("id=not.eq.1", r#""id"=-eq.1"#),
        ("id=eq.", r#""id"=+eq."#),
        ("id=eq.a.b,c(d)", r#""id"=+eq.a.b,c(d)"#),
        (r#"id=eq."quoted""#, r#""id"=+eq."quoted""#),
        ("id=eq.a%26b%3Dc%2B", r#""id"=+eq.a&b=c+"#),
        ("id=eq.a=b", r#""id"=+eq.a=b"#),
        ("id=eq.a+b", r#""id"=+eq.a b"#),
        ("id=eq.100%25", r#""id"=+eq.100%"#),
        ("id=eq.100%", r#""id"=+eq.100%"#),
        ("id=eq.%ED%95%9C", r#""id"=+eq.한"#),
        ("id=eq(any).{1,2}", r#""id"=+eq(any)[1|2]"#),
        ("id=eq(all).{1,2}", r#""id"=+eq(all)[1|2]"#),
        ("id=not.gt(any).{1}", r#""id"=-gt(any)[1]"#),
        ("id=lt(any).{}", r#""id"=+lt(any)[]"#),
        (
            r#"n=eq(any).{"a,b","c\"d",e\,f}"#,
            r#""n"=+eq(any)[a,b|c"d|e,f]"#,
        ),
        ("n=eq(any).{ a , b c }", r#""n"=+eq(any)[a|b c]"#),
        ("n=like.a*b", r#""n"=+like.a%b"#),
        ("n=ilike.*b", r#""n"=+ilike.%b"#),
        ("n=like(any).{a*,*b}", r#""n"=+like(any)[a%|%b]"#),
        ("n=match.^a.*b$", r#""n"=+match.^a.*b$"#),
        ("n=imatch.a*", r#""n"=+imatch.a*"#),
    ]);
}

#[test]
fn lists_and_states_are_understood() {
    check(&[
        ("id=in.(1,2,3)", r#""id"=+in[1|2|3]"#),
        ("id=in.()", r#""id"=+in[]"#),
        ("id=in.(1)", r#""id"=+in[1]"#),
        (r#"id=in.("a,b","c)d")"#, r#""id"=+in[a,b|c)d]"#),
        (r#"id=in.("a\"b",c)"#, r#""id"=+in[a"b|c]"#),
        (r#"id=in.("")"#, r#""id"=+in[]"#),
        ("id=in.(a,,b)", r#""id"=+in[a||b]"#),
        (r#"id=in.(a"b,"c"d)"#, r#""id"=+in[a"b|"c"d]"#),
        ("id=in.(%20a%20,b)", r#""id"=+in[ a |b]"#),
        ("id=not.in.(1,2)", r#""id"=-in[1|2]"#),
        ("id=is.null", r#""id"=+is.null"#),
        ("id=is.NULL", r#""id"=+is.null"#),
        ("id=is.not_null", r#""id"=+is.not_null"#),
        ("id=is.true", r#""id"=+is.true"#),
        ("id=is.False", r#""id"=+is.false"#),
        ("id=is.unknown", r#""id"=+is.unknown"#),
        ("id=not.is.null", r#""id"=-is.null"#),
        ("id=isdistinct.1", r#""id"=+isdistinct.1"#),
    ]);
}

#[test]
fn searches_arrays_and_paths_are_understood() {
    check(&[
        ("t=fts.cat", r#""t"=+fts.cat"#),
        ("t=plfts.fat+cat", r#""t"=+plfts.fat cat"#),
        ("t=phfts(simple).cat", r#""t"=+phfts(simple).cat"#),
        ("t=not.wfts(english).a", r#""t"=-wfts(english).a"#),
        ("t=fts.a%26b", r#""t"=+fts.a&b"#),
        ("tags=cs.{a,b}", r#""tags"=+cs.{a,b}"#),
        (r#"doc=cs.{"a":1}"#, r#""doc"=+cs.{"a":1}"#),
        ("tags=cd.{a,b}", r#""tags"=+cd.{a,b}"#),
        ("tags=ov.{a,b}", r#""tags"=+ov.{a,b}"#),
        ("doc->a->>b=eq.1", r#""doc"->"a"->>"b"=+eq.1"#),
        ("doc->>0=eq.1", r#""doc"->>0=+eq.1"#),
        (r#""a.b"=eq.1"#, r#""a.b"=+eq.1"#),
        (r#""cursor"=eq.1"#, r#""cursor"=+eq.1"#),
        ("first%20name=eq.1", r#""first name"=+eq.1"#),
        ("actors.name=eq.x", r#"actors/"name"=+eq.x"#),
        (
            "actors.roles.doc->>n=eq.x",
            r#"actors/roles/"doc"->>"n"=+eq.x"#,
        ),
        ("a=eq.1&a=lt.5", r#""a"=+eq.1 "a"=+lt.5"#),
        ("nothing", ""),
        ("&&", ""),
    ]);
}

#[test]
fn logic_is_understood() {
    check(&[
        ("or=(a.eq.1,b.eq.2)", r#"+or("a"=+eq.1,"b"=+eq.2)"#),
        ("and=(a.eq.1)", r#"+and("a"=+eq.1)"#),
        ("not.or=(a.eq.1)", r#"-or("a"=+eq.1)"#),
        ("not.and=(a.eq.1)", r#"-and("a"=+eq.1)"#),
        (
            "or=(a.eq.1,and(b.gt.2,c.is.null))",
            r#"+or("a"=+eq.1,+and("b"=+gt.2,"c"=+is.null))"#,
        ),
        (
            "or=(not.and(a.eq.1,b.eq.2),c.eq.3)",
            r#"+or(-and("a"=+eq.1,"b"=+eq.2),"c"=+eq.3)"#,
        ),
        ("or=(a.not.eq.1)", r#"+or("a"=-eq.1)"#),
        (
            "or=(%20a.eq.1%20,%20b.eq.2%20)",
            r#"+or("a"=+eq.1 ,"b"=+eq.2 )"#,
        ),
        (
            r#"or=(a.eq."x,y",b.eq."p)q")"#,
            r#"+or("a"=+eq.x,y,"b"=+eq.p)q)"#,
        ),
        (r#"or=(a.eq."x"y,b.eq.1)"#, r#"+or("a"=+eq."x"y,"b"=+eq.1)"#),
        ("or=(a.in.(1,2),b.eq.3)", r#"+or("a"=+in[1|2],"b"=+eq.3)"#),
        ("or=(a.cs.{1,2},b.eq.3)", r#"+or("a"=+cs.{1,2},"b"=+eq.3)"#),
        (
            "or=(a.eq(any).{1,2},b.eq.3)",
            r#"+or("a"=+eq(any)[1|2],"b"=+eq.3)"#,
        ),
        (
            "or=(a.fts(simple).x,b.eq.3)",
            r#"+or("a"=+fts(simple).x,"b"=+eq.3)"#,
        ),
        (
            "or=(doc->>a.eq.1,doc->0.is.null)",
            r#"+or("doc"->>"a"=+eq.1,"doc"->0=+is.null)"#,
        ),
        ("or=(and.eq.1,or.eq.2)", r#"+or("and"=+eq.1,"or"=+eq.2)"#),
        (
            "or=(orders.not.is.null,a.eq.1)",
            r#"+or("orders"=-is.null,"a"=+eq.1)"#,
        ),
        ("or=(a.eq.,b.eq.2)", r#"+or("a"=+eq.,"b"=+eq.2)"#),
        (
            "actors.or=(a.eq.1,b.eq.2)",
            r#"actors/+or("a"=+eq.1,"b"=+eq.2)"#,
        ),
        ("actors.not.or=(a.eq.1)", r#"actors/-or("a"=+eq.1)"#),
        ("a.b.and=(c.like.x*)", r#"a/b/+and("c"=+like.x%)"#),
        (r#"or=("a.b".eq.1)"#, r#"+or("a.b"=+eq.1)"#),
    ]);
}

#[test]
fn order_and_paging_are_understood() {
    check(&[
        ("order=a", r#"order="a".asc"#),
        ("order=a.asc", r#"order="a".asc"#),
        ("order=a.desc", r#"order="a".desc"#),
        ("order=a.desc.nullslast", r#"order="a".desc.nullslast"#),
        ("order=a.nullsfirst", r#"order="a".asc.nullsfirst"#),
        ("order=a,b.desc", r#"order="a".asc,"b".desc"#),
        (
            "order=a.desc.nullsfirst,b.asc.nullslast",
            r#"order="a".desc.nullsfirst,"b".asc.nullslast"#,
        ),
        ("order=rel(b).desc", r#"order=rel("b").desc"#),
        (
            "order=rel(doc->>b),id",
            r#"order=rel("doc"->>"b").asc,"id".asc"#,
        ),
        ("order=doc->a->>b.desc", r#"order="doc"->"a"->>"b".desc"#),
        ("order=doc->0.desc", r#"order="doc"->0.desc"#),
        ("order=a,%20b", r#"order="a".asc,"b".asc"#),
        ("order=a&order=b", r#"order="a".asc,"b".asc"#),
        ("actors.order=name.desc", r#"actors/order="name".desc"#),
        ("a.b.order=c", r#"a/b/order="c".asc"#),
        ("limit=10", "range=10@0"),
        ("limit=0", "range=0@0"),
        ("offset=5", "range=*@5"),
        ("offset=-5", "range=*@0"),
        ("limit=10&offset=5", "range=10@5"),
        ("offset=5&limit=10", "range=10@5"),
        ("actors.limit=2", "actors/range=2@0"),
        (
            "actors.limit=2&limit=3&actors.offset=1",
            "actors/range=2@1 range=3@0",
        ),
        ("limit=99999999999999999999", "range=9223372036854775807@0"),
        ("cursor=abc", "cursor=abc"),
        ("columns=a,b", r#"columns="a","b""#),
        (r#"columns="a,b",%20c"#, r#"columns="a,b","c""#),
        ("on_conflict=a,b", r#"on_conflict="a","b""#),
    ]);
}
