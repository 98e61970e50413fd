use super::*;
use proptest::prelude::*;

#[test]
fn every_format_is_as_deep_as_json_and_no_deeper() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |levels: usize| {
            format!(
                "{{\"x\":{}1{}}}",
                open.repeat(levels - 1),
                close.repeat(levels - 1)
            )
        };
        for media_type in [YAML, XML, BSON] {
            check_round_trip(media_type, &nested(DEPTH_MAX));
        }
    }
    let deep = 100_000;
    for (media_type, body) in [
        (YAML, "[".repeat(129)),
        (YAML, "- ".repeat(deep)),
        (YAML, "? ".repeat(deep)),
        (YAML, format!("{}1", "{a: ".repeat(200))),
        (XML, "<a>".repeat(deep)),
        (
            XML,
            format!("{}{}", "<a><b/><b>".repeat(70), "</b></a>".repeat(70)),
        ),
    ] {
        check_fault(media_type, &body, TooLarge, "levels deep");
    }
    let mut body = vec![5, 0, 0, 0, 0];
    for _ in 0..200 {
        let len = u32::try_from(body.len() + 8).unwrap();
        body = [&len.to_le_bytes()[..], &[3, b'a', 0], &body, &[0]].concat();
    }
    assert_eq!(read(Some(BSON), &body).unwrap_err().kind(), TooLarge);
}

#[test]
fn no_digit_and_no_character_is_lost() {
    for json in [
        r#"{"n":[0,-1,1.5,123456789012345678901234.5,0.000000000000000000000000000001]}"#,
        r#"{"":"","null":"null","1":"1"," a ":" a ","a\tb":"\u0001\u0008\u001f\u007f"}"#,
        r#"{"\u0001":"\u0085\u2028\ufeff","e\u0301":"\ufffe\uffff","'\"<>&":"'\"<>&]]>"}"#,
        r##"{"#text":" ","@a":"\t\n\r","@b":["x"],"a:b":"y","xmlns":"z","@xmlns":"w","@xml:lang":"ko"}"##,
        r#"{"a":[null,true,"",{},[],[[]],[1,[2]],{"b":[{}]}]}"#,
        r##"{"#text":"x","a":{"#text":"\n y \n","@z":""}}"##,
        r##"{"#text":"a","#TEXT":"b","json:type":"number","json:member":1,"item":[["item"]]}"##,
        r#"{"<<":1,"=":2,"-":3,"- a":"- b","? ":"? ","a: b":"c #d","%":"@","*a":"&b","!c":"|"}"#,
        r#"{"y":"y","No":"OFF","1e3":"0x1","~":"~",".inf":".nan","2001-01-01":"12:30"}"#,
        r#"{"text":"one\ntwo\n\n","빅데이터":"한글 데이터","a  b":"trailing ","é":"É"}"#,
    ] {
        for media_type in [YAML, XML, BSON] {
            check_round_trip(media_type, json);
        }
    }
    for json in [
        "1", "\"\"", "null", "[]", "[[]]", "[1]", "\" \"", "true", "\"1\"",
    ] {
        for media_type in [YAML, XML] {
            check_round_trip(media_type, json);
        }
    }
    let long_key = format!(
        "{{\"{}\":{{\"{}\":[1]}}}}",
        "k ".repeat(1000),
        "키".repeat(2000)
    );
    for media_type in [YAML, XML, BSON] {
        check_round_trip(media_type, &long_key);
    }
}

fn any_document() -> impl Strategy<Value = String> {
    object(any_value())
}

fn any_value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        "-?(0|[1-9][0-9]{0,15})(\\.[0-9]{1,15})?",
        any::<f64>()
            .prop_filter("JSON's", |number| number.is_finite())
            .prop_map(|number| number.to_string()),
        any_string(),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(","))),
            object(inner),
        ]
    })
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let key = prop_oneof![
        any_string(),
        "[ab@#]{1,2}".prop_map(|key| format!("\"{key}\""))
    ];
    prop::collection::vec((key, value), 0..5).prop_map(|pairs| {
        let pairs: Vec<String> = pairs
            .iter()
            .map(|(key, value)| format!("{key}:{value}"))
            .collect();
        format!("{{{}}}", pairs.join(","))
    })
}

fn any_string() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        "[a-c1 .:#&<>\"'\\\\,\\[\\]{}~|!%@`?*=\t\r\n-]{0,8}",
        "(#text|@a|y|null|true|0x1|1e3|<<|[$]oid)",
        any::<String>(),
    ];
    text.prop_filter("no U+0000", |text| !text.contains('\0'))
        .prop_map(|text| Node::String(text.into()).to_text())
}

proptest! {
    #[test]
    fn a_document_is_the_same_after_any_format(json in any_document()) {
        let json = json::canonical(&json).unwrap();
        for media_type in [YAML, XML, BSON] {
            let (_, body) = write(Some(media_type), &json).unwrap();
            let shown = String::from_utf8_lossy(&body).into_owned();
            prop_assert_eq!(read(Some(media_type), &body), Ok(json.clone()), "{}", shown);
        }
    }

    #[test]
    fn any_value_is_the_same_after_yaml_and_xml(json in any_value()) {
        let json = json::canonical(&json).unwrap();
        for media_type in [YAML, XML] {
            let (_, body) = write(Some(media_type), &json).unwrap();
            let shown = String::from_utf8_lossy(&body).into_owned();
            prop_assert_eq!(read(Some(media_type), &body), Ok(json.clone()), "{}", shown);
        }
    }

    #[test]
    fn no_bytes_make_it_panic_and_what_is_read_is_canonical(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            "[-a1: \n\\[\\]{},&*?!|>'\"#]{0,40}".prop_map(String::into_bytes),
            "(<a>|</a>|<b c='1'>|</b>|<a/>|&lt;|x| |<!--|-->|json:type='array'|<!\\[CDATA\\[|\\]\\]>|<\\?x\\?>){0,12}".prop_map(String::into_bytes),
        ],
        accept in "\\PC{0,20}",
    ) {
        for media_type in ["application/json", YAML, XML, BSON] {
            if let Ok(json) = read(Some(media_type), &bytes) {
                prop_assert_eq!(json::canonical(&json), Ok(json.clone()));
            }
        }
        let _ = read(Some(&accept), &bytes);
        let _ = write(Some(&accept), "{}");
    }

    #[test]
    fn a_damaged_bson_never_makes_it_panic(json in any_document(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let json = json::canonical(&json).unwrap();
        let (_, mut body) = write(Some(BSON), &json).unwrap();
        let at = at.index(body.len());
        body[at] = byte;
        let _ = read(Some(BSON), &body);
    }
}
