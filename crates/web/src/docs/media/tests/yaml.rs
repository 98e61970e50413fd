use super::*;

#[test]
fn yaml_is_read_by_the_core_schema() {
    for (body, expected) in [
        ("a: 1\nb: [x, 'y', \"z\"]\n", r#"{"a":1,"b":["x","y","z"]}"#),
        ("[null, Null, NULL, ~, x]", r#"[null,null,null,null,"x"]"#),
        ("- \n- a:\n", r#"[null,{"a":null}]"#),
        (
            "[true, True, FALSE, yes, No, on]",
            r#"[true,true,false,"yes","No","on"]"#,
        ),
        (
            "[12, -3, +4, 012, 0x1F, 0o17, 1_000]",
            r#"[12,-3,4,12,31,15,"1_000"]"#,
        ),
        (
            "[1.50, .5, 5., 1e3, -1.2E-2, 1.2.3, 1e]",
            r#"[1.5,0.5,5,1000,-0.012,"1.2.3","1e"]"#,
        ),
        (
            "[2001-01-01, 12:30:45, 0b11]",
            r#"["2001-01-01","12:30:45","0b11"]"#,
        ),
        (
            "12345678901234567890.123456789012345678901",
            "12345678901234567890.123456789012345678901",
        ),
        (
            "[!!str 1, !!int '2', !!float 3, !!bool true, !!null '', ! 4]",
            r#"["1",2,3,true,null,"4"]"#,
        ),
        ("!<tag:yaml.org,2002:str> 1", "\"1\""),
        ("!!map {a: !!seq [1]}", r#"{"a":[1]}"#),
        (
            "1: x\ntrue: y\n~: z\n: w\n",
            r#"{"1":"x","true":"y","~":"z","":"w"}"#,
        ),
        (
            "a: |\n  one\n  two\nb: >\n  one\n  two\n",
            r#"{"a":"one\ntwo\n","b":"one two\n"}"#,
        ),
        ("--- 바다\n...\n", r#""바다""#),
        ("a: &x {b: 1}\nc: *x\n", r#"{"a":{"b":1},"c":{"b":1}}"#),
        ("&k key: 1\nother: *k\n", r#"{"key":1,"other":"key"}"#),
        ("'<<': 1", r#"{"<<":1}"#),
        ("\"\\u00e9\\U0001F30A\"", r#""é🌊""#),
        ("%YAML 1.2\n--- 1", "1"),
    ] {
        check_read(YAML, body, expected);
    }
}

#[test]
fn what_yaml_has_and_json_has_not_is_refused() {
    for (body, says) in [
        ("", "no document"),
        ("# only a comment\n", "no document"),
        ("a\n---\nb\n", "second document"),
        ("x: .inf", "is not a number that JSON has"),
        ("-.INF", "is not a number that JSON has"),
        (".nan", "is not a number that JSON has"),
        ("1e1001", "too many digits"),
        ("0xfffffffffffffffffffffffffffffffff", "too many digits"),
        ("!!timestamp 2001-01-01", "not one of YAML's core schema"),
        ("!mine x", "not one of YAML's core schema"),
        (
            "!!python/object:os.system x",
            "not one of YAML's core schema",
        ),
        ("!!binary aGk=", "not one of YAML's core schema"),
        ("!!int x", "not what its tag says"),
        ("!!int 1.5", "not what its tag says"),
        ("!!seq x", "tagged as a collection"),
        ("!!str [a]", "tagged as something else"),
        ("{a: 1, 'a': 2}", "twice"),
        ("? [a]\n: 1\n", "a key is a collection"),
        ("<<: {a: 1}", "merge keys"),
        ("*a", "line"),
        ("a: &x [1, *x]", "contains itself"),
        ("\"\\0\"", "U+0000"),
        ("a: [1", "line"),
        ("a: b: c", "line"),
    ] {
        check_fault(YAML, body, Malformed, says);
    }
}

#[test]
fn a_billion_laughs_are_not_laughed() {
    let mut body = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..12 {
        let before = format!("*a{}", level - 1);
        let nine = vec![before; 9].join(", ");
        body.push_str(&format!("a{level}: &a{level} [{nine}]\n"));
    }
    check_fault(YAML, &body, TooLarge, "repeat more than");
    let text = "x".repeat(1000);
    let body = format!("a: &a {text}\nb: [{}]\n", vec!["*a"; 2000].join(", "));
    check_fault(YAML, &body, TooLarge, "repeat more than");
}

#[test]
fn yaml_is_written_to_be_read_by_people() {
    check_write(
        YAML,
        r#"{"name":"Seoul","pop":9411000,"tags":["a b","yes","1"],"geo":{"lat":37.5665,"at":[]},"list":[{"x":1,"y":[1,[2]]},[]],"none":null}"#,
        "geo:\n  at: []\n  lat: 37.5665\npop: 9411000\nlist:\n  - x: 1\n    \"y\":\n      - 1\n      - - 2\n  - []\nname: Seoul\nnone: null\ntags:\n  - a b\n  - \"yes\"\n  - \"1\"\n",
    );
    check_write(YAML, "\"a: b\"", "\"a: b\"\n");
    check_write(YAML, "[]", "[]\n");
}
