//! `;nulls=stripped`: JSON without the keys whose value is null, at every depth,
//! as `json_strip_nulls` has it. Nulls in arrays stay.

/// The same JSON without null members. The input is JSON that the store wrote; of
/// anything else the outcome is some bytes.
pub(super) fn strip(json: &[u8]) -> Vec<u8> {
    let mut strip = Strip {
        json,
        at: 0,
        out: Vec::with_capacity(json.len()),
        open: Vec::new(),
    };
    while strip.at < json.len() {
        strip.step();
    }
    strip.out
}

struct Strip<'a> {
    json: &'a [u8],
    at: usize,
    out: Vec<u8>,
    /// For each open container: whether it is an object, and whether it has a member yet.
    open: Vec<(bool, bool)>,
}

impl Strip<'_> {
    fn step(&mut self) {
        match self.json[self.at] {
            byte @ (b'{' | b'[') => {
                self.separate();
                self.open.push((byte == b'{', false));
                self.copy(1);
            }
            b'}' | b']' => {
                self.open.pop();
                self.copy(1);
            }
            b',' | b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
            b'"' if self.open.last().is_some_and(|(is_object, _)| *is_object) => self.member(),
            _ => {
                self.separate();
                self.copy(self.scalar_len());
            }
        }
    }

    /// A key; its value too, where that is not a container.
    fn member(&mut self) {
        let key = self.at..self.at + self.scalar_len();
        self.at = key.end;
        while matches!(
            self.json.get(self.at),
            Some(b':' | b' ' | b'\n' | b'\r' | b'\t')
        ) {
            self.at += 1;
        }
        if self.json[self.at..].starts_with(b"null") {
            self.at += 4;
            return;
        }
        self.separate();
        self.out.extend_from_slice(&self.json[key]);
        self.out.push(b':');
        match self.json.get(self.at) {
            Some(byte @ (b'{' | b'[')) => {
                self.open.push((*byte == b'{', false));
                self.copy(1);
            }
            Some(_) => self.copy(self.scalar_len()),
            None => {}
        }
    }

    /// A comma, unless it is the first of its container.
    fn separate(&mut self) {
        if let Some((_, has_member)) = self.open.last_mut()
            && std::mem::replace(has_member, true)
        {
            self.out.push(b',');
        }
    }

    fn copy(&mut self, count: usize) {
        let end = (self.at + count).min(self.json.len());
        self.out.extend_from_slice(&self.json[self.at..end]);
        self.at = end;
    }

    /// The length of the string, number or word here; at least 1.
    fn scalar_len(&self) -> usize {
        let rest = &self.json[self.at..];
        if rest.first() != Some(&b'"') {
            let end = rest.iter().position(|b| b",]} \n\r\t".contains(b));
            return end.unwrap_or(rest.len()).max(1);
        }
        let mut escaped = false;
        for (place, byte) in rest.iter().enumerate().skip(1) {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => return place + 1,
                _ => {}
            }
        }
        rest.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn null_members_go_and_everything_else_stays() {
        let cases = [
            ("[]", "[]"),
            ("null", "null"),
            (r#"{"a":null}"#, "{}"),
            (
                r#"[{"a":1,"b":null},{"a":null,"b":2}]"#,
                r#"[{"a":1},{"b":2}]"#,
            ),
            (r#"[{"a":1}, {"a":2}]"#, r#"[{"a":1},{"a":2}]"#),
            (r#"{"a":[null,1,null]}"#, r#"{"a":[null,1,null]}"#),
            (
                r#"{"a":{"b":null,"c":{"d":null}},"e":true}"#,
                r#"{"a":{"c":{}},"e":true}"#,
            ),
            (
                r#"{"a": null, "b": [{"c": null}], "d": "null"}"#,
                r#"{"b":[{}],"d":"null"}"#,
            ),
            (
                r#"{"q\"":"x\\","n":null,"z":-1.5e3}"#,
                r#"{"q\"":"x\\","z":-1.5e3}"#,
            ),
            (
                r#"{"nullable":1,"k":"{\"a\":null}"}"#,
                r#"{"nullable":1,"k":"{\"a\":null}"}"#,
            ),
        ];
        for (json, expected) in cases {
            let stripped = strip(json.as_bytes());
            assert_eq!(String::from_utf8_lossy(&stripped), expected, "for {json}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = strip(&bytes);
        }

        #[test]
        fn no_json_like_text_makes_it_panic(text in r#"(\{|\}|\[|\]|"|\\|:|,| |null|1|a){0,40}"#) {
            let _ = strip(text.as_bytes());
        }
    }
}
