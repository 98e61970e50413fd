//! How a text falls into words, and words into the parts that are indexed.
//!
//! A word is a run of letters, digits and the marks upon them, as in `fts`. UAX #29 is not
//! asked: it keeps `example.com` and `snake_case` in one piece, where `example` must be found.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript};

/// How long a word of a script with spaces may be, in bytes; what follows is not told apart. Longer
/// ones are hashes and encoded data, and would make keys that no index likes.
pub(super) const WORD_BYTES_MAX: usize = 128;

/// Scripts in which words lie together without spaces, or inside of one another.
const DENSE: [Script; 11] = [
    Script::Hangul,
    Script::Han,
    Script::Hiragana,
    Script::Katakana,
    Script::Bopomofo,
    Script::Yi,
    Script::Thai,
    Script::Lao,
    Script::Khmer,
    Script::Myanmar,
    Script::Tibetan,
];

/// A piece of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// A whole word of a script with spaces, or a number: one term.
    Whole(&'a str),
    /// A run of a dense script: a term for each character and each two.
    Dense(&'a str),
}

/// The text in the one form that all ways of writing it share: compatibility forms composed (NFKC: `ﾊﾝ`,
/// `Ａ`, `①`, Hangul typed on a Mac), case folded (`ß` is `ss`), invisible characters gone.
pub(super) fn normalise(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars()
        .filter(|&c| !is_invisible(c))
        .nfkc()
        .default_case_fold()
        .nfkc()
        .collect()
}

/// The words of a normalised text.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = &rest[rest.find(char::is_alphanumeric)?..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && !is_combining_mark(c));
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        Some(word)
    })
}

/// The parts of a word, in their order; they join without a gap.
pub(super) fn parts(word: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let dense = is_dense(rest.chars().next()?);
        let end = rest.find(|c| !is_combining_mark(c) && is_dense(c) != dense);
        let (part, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        Some(if dense {
            Part::Dense(part)
        } else {
            Part::Whole(cut(part))
        })
    })
}

fn cut(word: &str) -> &str {
    if word.len() <= WORD_BYTES_MAX {
        return word;
    }
    let mut end = WORD_BYTES_MAX;
    while !word.is_char_boundary(end) {
        end -= 1;
    }
    &word[..end]
}

fn is_dense(c: char) -> bool {
    // Nearly all characters are told by this; U+30FC, the mark of long vowels, belongs to two scripts.
    let scripts = c.script_extension();
    !c.is_ascii()
        && !scripts.is_common()
        && !scripts.is_inherited()
        && DENSE.iter().any(|&script| scripts.contains_script(script))
}

/// Characters that nobody sees: soft hyphen, joiners, byte-order mark, variation selectors.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}'
    )
}

#[cfg(test)]
mod tests {
    use super::Part::{Dense, Whole};
    use super::*;

    #[test]
    fn all_ways_of_writing_a_word_are_one() {
        for (text, expected) in [
            ("ASCII Only", "ascii only"),
            ("Straße", "strasse"),
            ("ΌΔΟΣ", "όδοσ"),
            ("ＦＵＬＬ　ｗｉｄｔｈ", "full width"),
            ("ﾃﾞｰﾀ", "データ"),
            ("\u{1112}\u{1161}\u{11ab}", "한"),
            ("①ﬁ", "1fi"),
            ("co\u{ad}operate", "cooperate"),
            ("e\u{301}", "é"),
        ] {
            assert_eq!(normalise(text), expected, "{text}");
        }
    }

    #[test]
    fn normalising_twice_is_normalising_once() {
        for c in '\u{1}'..=char::MAX {
            let once = normalise(&c.to_string());
            assert_eq!(normalise(&once), once, "U+{:04X}", u32::from(c));
        }
    }

    #[test]
    fn words_are_letters_digits_and_their_marks() {
        for (text, expected) in [
            ("a-b_c.d", vec!["a", "b", "c", "d"]),
            ("  3.14 don't ", vec!["3", "14", "don", "t"]),
            ("हिन्दी शब्द", vec!["हिन्दी", "शब्द"]),
            ("빅데이터, 漢字", vec!["빅데이터", "漢字"]),
            ("🌊 \u{301}", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(words(text).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn a_word_falls_apart_where_scripts_meet() {
        for (word, expected) in [
            ("sqlite데이터", vec![Whole("sqlite"), Dense("데이터")]),
            ("제3장", vec![Dense("제"), Whole("3"), Dense("장")]),
            ("漢字かなサーバー한글", vec![Dense("漢字かなサーバー한글")]),
            ("ภาษาไทย", vec![Dense("ภาษาไทย")]),
            ("जन", vec![Whole("जन")]),
        ] {
            assert_eq!(parts(word).collect::<Vec<_>>(), expected, "{word}");
        }
    }

    #[test]
    fn a_long_word_is_cut_between_characters() {
        let word = format!("a{}", "é".repeat(100));
        let parts: Vec<_> = parts(&word).collect();
        assert_eq!(parts, [Whole(&word[..127])]);
    }
}
