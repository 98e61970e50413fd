//! JSON strings: written with PostgreSQL's escapes, read with its refusals.

use super::scan::Fault;
use std::borrow::Cow;

const ONES: u64 = u64::MAX / 255;
const HIGHS: u64 = ONES << 7;

/// Appends a string in quotes, escaped as PostgreSQL escapes it.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    write_part(text, out);
    out.push(b'"');
}

/// Appends a part of a string, escaped; the quotes are the caller's.
pub fn write_part(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut start = 0;
    while let Some(at) = next_escape(bytes, start) {
        out.extend_from_slice(&bytes[start..at]);
        write_escape(bytes[at], out);
        start = at + 1;
    }
    out.extend_from_slice(&bytes[start..]);
}

/// What a valid string means, given with its quotes. Lone surrogates and U+0000 are faults.
pub(super) fn unescape(quoted: &str) -> Result<Cow<'_, str>, Fault> {
    let inner = quoted
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(quoted);
    if !inner.contains('\\') {
        return Ok(Cow::Borrowed(inner));
    }
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = rest.get(at + 1..).unwrap_or_default();
        rest = unescape_one(rest, &mut out)?;
    }
    out.push_str(rest);
    Ok(Cow::Owned(out))
}

/// Reads what follows a backslash, and gives what follows that.
fn unescape_one<'a>(text: &'a str, out: &mut String) -> Result<&'a str, Fault> {
    let mut chars = text.chars();
    let escaped = chars.next().ok_or(Fault::Ended)?;
    out.push(match escaped {
        '"' | '\\' | '/' => escaped,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let (unit, rest) = four_hex(chars.as_str())?;
            return unescape_unicode(unit, rest, out);
        }
        other => return Err(Fault::Escape(other)),
    });
    Ok(chars.as_str())
}

fn unescape_unicode<'a>(unit: u32, rest: &'a str, out: &mut String) -> Result<&'a str, Fault> {
    if unit == 0 {
        return Err(Fault::Zero);
    }
    if (0xdc00..0xe000).contains(&unit) {
        return Err(Fault::LoneSurrogate);
    }
    if let Some(c) = char::from_u32(unit) {
        out.push(c);
        return Ok(rest);
    }
    let low = rest.strip_prefix("\\u").ok_or(Fault::LoneSurrogate)?;
    let (low, rest) = four_hex(low)?;
    if (0xd800..0xdc00).contains(&low) {
        return Err(Fault::DoubleHighSurrogate);
    }
    if !(0xdc00..0xe000).contains(&low) {
        return Err(Fault::LoneSurrogate);
    }
    let c = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    out.push(char::from_u32(c).ok_or(Fault::LoneSurrogate)?);
    Ok(rest)
}

fn four_hex(text: &str) -> Result<(u32, &str), Fault> {
    let (digits, rest) = text.split_at_checked(4).ok_or(Fault::UnicodeEscape)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Fault::UnicodeEscape);
    }
    let unit = u32::from_str_radix(digits, 16).map_err(|_| Fault::UnicodeEscape)?;
    Ok((unit, rest))
}

/// The first byte from `start` on that cannot stand in a string as it is.
fn next_escape(bytes: &[u8], start: usize) -> Option<usize> {
    let tail = bytes.get(start..)?;
    let (words, _) = tail.as_chunks::<8>();
    let clean = words
        .iter()
        .position(|word| word_needs_escape(u64::from_le_bytes(*word)))
        .unwrap_or(words.len())
        * 8;
    tail[clean..]
        .iter()
        .position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\')
        .map(|at| start + clean + at)
}

/// Eight bytes at once: a byte below 0x20, a quote or a backslash among them.
fn word_needs_escape(word: u64) -> bool {
    let has_zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
    let quote = has_zero(word ^ (ONES * u64::from(b'"')));
    let backslash = has_zero(word ^ (ONES * u64::from(b'\\')));
    control | quote | backslash != 0
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write_string(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_escaped_as_postgresql_escapes_them() {
        assert_eq!(written("a\"b\\c/d"), r#""a\"b\\c/d""#);
        assert_eq!(written("\u{8}\u{c}\n\r\t"), r#""\b\f\n\r\t""#);
        assert_eq!(written("\u{1}\u{1f}\u{7f}"), "\"\\u0001\\u001f\u{7f}\"");
        assert_eq!(written("바다 🌊"), "\"바다 🌊\"");
    }

    #[test]
    fn escapes_are_read() {
        assert_eq!(unescape(r#""\u00e9\ud83c\udf0a\/\n""#).unwrap(), "é🌊/\n");
        for (text, fault) in [
            (r#""\u0000""#, Fault::Zero),
            (r#""\udf0a""#, Fault::LoneSurrogate),
            (r#""\ud83c""#, Fault::LoneSurrogate),
            (r#""\ud83cx""#, Fault::LoneSurrogate),
            (r#""\ud83c\ud83c""#, Fault::DoubleHighSurrogate),
            (r#""\u12g4""#, Fault::UnicodeEscape),
            (r#""\u+123""#, Fault::UnicodeEscape),
            (r#""\u12""#, Fault::UnicodeEscape),
            (r#""\x""#, Fault::Escape('x')),
        ] {
            assert_eq!(unescape(text).unwrap_err(), fault, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(text in any::<String>().prop_filter("no U+0000", |text| {
            !text.contains('\0')
        })) {
            let quoted = written(&text);
            prop_assert_eq!(unescape(&quoted).unwrap(), text.as_str());
            prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text);
        }
    }
}
