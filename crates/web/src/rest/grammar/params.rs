//! The query string taken apart: pairs, percent-decoded, borrowed where they can be.

use std::borrow::Cow;

/// A name and its value; pairs without `=` are no parameters and are left out.
pub(crate) fn pairs(raw: &str) -> impl Iterator<Item = (&str, &str)> {
    raw.split('&').filter_map(|pair| pair.split_once('='))
}

/// Undoes `%41` and `+`; a `%` that is no escape stays. `None` for what is not UTF-8.
pub(crate) fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|b| b == b'%' || b == b'+') {
        return Some(Cow::Borrowed(text));
    }
    let spaced: Cow<'_, str> = if text.contains('+') {
        Cow::Owned(text.replace('+', " "))
    } else {
        Cow::Borrowed(text)
    };
    let bytes: Vec<u8> = percent_encoding::percent_decode_str(&spaced).collect();
    String::from_utf8(bytes).ok().map(Cow::Owned)
}
