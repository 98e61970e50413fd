use super::*;

#[test]
fn xml_is_read_as_others_write_it() {
    for (body, expected) in [
        ("<a>x</a>", r#""x""#),
        ("<a/>", r#""""#),
        (
            "<?xml version='1.0'?>\n<!-- c -->\n<a>\n  <b>1</b>\n  <c>x &amp; y&#10;</c>\n</a>\n",
            r#"{"b":"1","c":"x & y\n"}"#,
        ),
        ("<a><b>1</b><c/><b>2</b></a>", r#"{"b":["1","2"],"c":""}"#),
        (
            "<a id=\"7\" n='&lt;&#x41;'>text<b/>tail</a>",
            r##"{"@id":"7","@n":"<A","#text":"texttail","b":""}"##,
        ),
        ("<a id='1'/>", r#"{"@id":"1"}"#),
        ("<a><![CDATA[<b>&]]> c</a>", r#""<b>& c""#),
        (
            "<p:a xmlns:p='urn:x' xml:lang='ko'><p:b>1</p:b></p:a>",
            r#"{"@xml:lang":"ko","p:b":"1"}"#,
        ),
        ("<a>  </a>", r#""  ""#),
        ("<a>one\r\ntwo\rthree</a>", r#""one\ntwo\nthree""#),
        ("<a t='x\ty\n'>z</a>", r##"{"@t":"x y ","#text":"z"}"##),
        ("<도시><이름>서울</이름></도시>", r#"{"이름":"서울"}"#),
        (
            "<a><b json:type='number'> 1.50 </b><c json:type='null'/></a>",
            r#"{"b":1.5,"c":null}"#,
        ),
        ("<?xml-stylesheet href='x'?><a>x<!-- c -->y</a>", r#""xy""#),
    ] {
        check_read(XML, body, expected);
    }
}

#[test]
fn what_is_dangerous_or_wrong_in_xml_is_refused() {
    for (body, says) in [
        ("", "ends too early"),
        ("<a>", "ends too early"),
        ("<a></b>", ""),
        ("<a/><b/>", "second root"),
        ("x<a/>", "beside the root"),
        ("<a/>&amp;", "beside the root"),
        ("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "document type"),
        (
            "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
            "document type",
        ),
        ("<a>&x;</a>", "entity"),
        ("<a b='&x;'/>", ""),
        ("<a>&#0;</a>", ""),
        ("<a>&#1;</a>", "U+0001"),
        ("<a>\u{1}</a>", "U+0001"),
        ("<a b='\u{ffff}'/>", "U+FFFF"),
        ("<a b='1' b='2'/>", "twice"),
        ("<a b='<'/>", "no attribute"),
        ("<1a/>", "no name"),
        ("<?xml version='1.0' encoding='euc-kr'?><a/>", "UTF-8"),
        ("<a json:type='number'>x</a>", "json:type"),
        ("<a json:type='number'>1 2</a>", "json:type"),
        ("<a json:type='boolean'>yes</a>", "json:type"),
        ("<a json:type='number'><b/></a>", "neither children"),
        ("<a json:type='array'>x</a>", "has text"),
        ("<a json:type='date'>x</a>", "no json:type"),
        ("<a json:other='x'/>", "reserved"),
        ("<a json:quoted-name='x'/>", "quoted-name"),
    ] {
        check_fault(XML, body, Malformed, says);
    }
    let many: String = (0..300).map(|at| format!(" a{at}=''")).collect();
    check_fault(XML, &format!("<a{many}/>"), Malformed, "more than 256");
}

#[test]
fn xml_says_what_kind_a_value_is_only_where_it_must() {
    let document = |inside: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<document xmlns:json=\"urn:pando:json\"{inside}\n"
        )
    };
    for (json, inside) in [
        (
            r#"{"a":"x","b":1,"c":{"d":true}}"#,
            r#"><a>x</a><b json:type="number">1</b><c><d json:type="boolean">true</d></c></document>"#,
        ),
        (
            r#"{"a":["x","y"],"b":["z"],"c":[]}"#,
            r#"><a>x</a><a>y</a><b json:array="true">z</b><c json:type="array"/></document>"#,
        ),
        (
            r#"{"a":[["x"]]}"#,
            r#"><a json:array="true" json:type="array"><item>x</item></a></document>"#,
        ),
        (
            r##"{"@id":"7","#text":"x<y"}"##,
            r#" id="7">x&lt;y</document>"#,
        ),
        (r##"{"#text":"x"}"##, r#" json:type="object">x</document>"#),
        ("{}", r#" json:type="object"/>"#),
        (
            r#"{"a b":1,"@x":2}"#,
            r#"><json:member json:name="@x" json:type="number">2</json:member><json:member json:name="a b" json:type="number">1</json:member></document>"#,
        ),
        (
            r#"{"a":"\u0001"}"#,
            r#"><a json:type="quoted">"\u0001"</a></document>"#,
        ),
        (r#""a\rb""#, ">a&#13;b</document>"),
    ] {
        check_write(XML, json, &document(inside));
    }
    check_write(
        XML,
        r#"[{"a":null},1]"#,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<documents xmlns:json=\"urn:pando:json\" json:type=\"array\"><document><a json:type=\"null\"/></document><document json:type=\"number\">1</document></documents>\n",
    );
}

#[test]
fn a_long_name_is_not_repeated_for_each_item() {
    let name = "n".repeat(100_000);
    let json = format!("{{\"{name}\":[{}0]}}", "0,".repeat(1000));
    let (_, body) = write(Some(XML), &json).unwrap();
    assert!(body.len() < 400_000, "{}", body.len());
    check_round_trip(XML, &json);
}

#[test]
fn the_manuals_example_is_true() {
    for manual in [
        include_str!("../../../../../../docs/documents.md"),
        include_str!("../../../../../../docs/ko/documents.md"),
    ] {
        let block = |language: &str| {
            let (_, rest) = manual.split_once(language).unwrap();
            rest.split_once("```").unwrap().0
        };
        check_read(XML, block("```xml\n"), block("```json\n"));
    }
}
