//! Attributes: their names, their types, and what each of the known ones must be (`spec.md`,
//! Context Attributes).

use std::fmt;

/// The value of an attribute. Binary, URI, URI reference and timestamp are strings of their form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number of 32 bits.
    Integer(i32),
    /// Unicode without control characters.
    String(String),
}

/// What common servers take for all headers together, halved.
const VALUE_BYTES_MAX: usize = 8 << 10;
/// Twenty is recommended; a name in a header has its bounds too.
const NAME_BYTES_MAX: usize = 64;

/// What is wrong with an attribute, and what it must be.
pub(crate) fn check(name: &str, value: &Attribute) -> Result<(), String> {
    check_name(name)?;
    let is_known = matches!(
        name,
        "id" | "source"
            | "specversion"
            | "type"
            | "datacontenttype"
            | "dataschema"
            | "subject"
            | "time"
    );
    let Attribute::String(text) = value else {
        return match is_known {
            true => Err(format!("is {value}: it must be a string")),
            false => Ok(()),
        };
    };
    if text.len() > VALUE_BYTES_MAX {
        let bytes = text.len();
        return Err(format!(
            "has {bytes} bytes: it must have at most {VALUE_BYTES_MAX}"
        ));
    }
    if let Some((at, char)) = text.char_indices().find(|(_, char)| is_forbidden(*char)) {
        let code = u32::from(char);
        return Err(format!(
            "has U+{code:04X} at byte {at}: control characters and noncharacters are not allowed"
        ));
    }
    if is_known && text.is_empty() {
        return Err("is empty: it must say something, or be left out if it is optional".to_owned());
    }
    let must_be = match name {
        "specversion" if text != "1.0" => "1.0",
        "source" if !is_uri_reference(text) => {
            "a URI reference (RFC 3986), with anything else percent-encoded"
        }
        "dataschema" if !has_scheme(text) || !is_uri_reference(text) => {
            "a URI with a scheme (RFC 3986)"
        }
        "datacontenttype" if !is_media_type(text) => {
            "a media type (RFC 2046), such as application/json"
        }
        "time" if !is_timestamp(text) => "a timestamp (RFC 3339), such as 2018-04-05T17:31:00Z",
        _ => return Ok(()),
    };
    let begin: String = text.chars().take(100).collect();
    Err(format!("is {begin:?}: it must be {must_be}"))
}

/// `spec.md`, Naming Conventions. `data` and what is made of it are no attributes.
fn check_name(name: &str) -> Result<(), String> {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_letter) {
        return Err(
            "has no name of an attribute: it must be of a to z in lower case and 0 to 9, 64 at most"
                .to_owned(),
        );
    }
    match name {
        "data" => Err("is reserved: the data is the body".to_owned()),
        _ => Ok(()),
    }
}

/// `spec.md`, Type System, String.
fn is_forbidden(char: char) -> bool {
    let code = u32::from(char);
    char.is_control() || (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
}

/// Whether only characters of RFC 3986 stand in it, and `%` only before two hexadecimal digits.
fn is_uri_reference(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let is_right = match byte {
            b'%' => {
                let mut is_digit = || bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit());
                is_digit() && is_digit()
            }
            _ => byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(&byte),
        };
        if !is_right {
            return false;
        }
    }
    true
}

fn has_scheme(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, _)| {
        let is_right = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        scheme.bytes().all(is_right)
            && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
    })
}

/// Two tokens of RFC 9110, section 5.6.2, and parameters that are printable.
fn is_media_type(text: &str) -> bool {
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let is_token = |token: &str| {
        let is_right =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        !token.is_empty() && token.bytes().all(is_right)
    };
    let is_printable = parameters
        .bytes()
        .all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    let halves = essence.trim_end().split_once('/');
    is_printable && halves.is_some_and(|(ty, subtype)| is_token(ty) && is_token(subtype))
}

/// The form of RFC 3339, section 5.6, which is narrower than ISO 8601; then the calendar.
fn is_timestamp(text: &str) -> bool {
    let form = b"dddd-dd-ddTdd:dd:dd";
    let Some((begin, rest)) = text.as_bytes().split_at_checked(form.len()) else {
        return false;
    };
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'd' => byte.is_ascii_digit(),
        form => byte.eq_ignore_ascii_case(form),
    };
    let zone = match rest.strip_prefix(b".") {
        Some(fraction) => {
            let digits = fraction
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            if digits == 0 {
                return false;
            }
            &fraction[digits..]
        }
        None => rest,
    };
    let is_zone = match zone {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', offset @ ..] => offset.len() == 5 && offset.iter().zip(b"dd:dd").all(fits),
        _ => false,
    };
    // More than nanoseconds are right, and more than the calendar needs.
    let without_fraction = format!("{}{}", &text[..form.len()], String::from_utf8_lossy(zone));
    begin.iter().zip(form).all(fits)
        && is_zone
        && without_fraction.parse::<jiff::Timestamp>().is_ok()
}

impl Attribute {
    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Attribute::String(text) => Some(text),
            Attribute::Boolean(_) | Attribute::Integer(_) => None,
        }
    }
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Attribute {
        Attribute::String(text.to_owned())
    }
}

/// The canonical string of `spec.md`, Type System.
impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Attribute::Boolean(value) => write!(f, "{value}"),
            Attribute::Integer(value) => write!(f, "{value}"),
            Attribute::String(text) => f.write_str(text),
        }
    }
}
