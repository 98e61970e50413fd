//! What is answered to a head that cannot be read. Such a request comes to no service: hyper
//! answers it by itself, with a status and nothing else; here it gets the body that every error
//! has, on its way out.

use serde_json::json;

/// How hyper's answers of this kind say that they have no body. No answer of ours does, where it
/// tells an error.
const NO_BODY: &str = "content-length: 0\r\n";

/// An answer of hyper's that refuses a head, told as all errors are; `None` for any other bytes.
pub(super) fn told(bytes: &[u8]) -> Option<Vec<u8>> {
    let status = bytes
        .strip_prefix(b"HTTP/1.1 ")
        .or_else(|| bytes.strip_prefix(b"HTTP/1.0 "))?
        .get(..3)?;
    let (code, message, hint) = match status {
        b"400" => (
            "malformed",
            "the head of the request cannot be read as HTTP/1.1",
            "Percent-encode what a path or query cannot hold as it is, blanks among it; Content-Length is one number.",
        ),
        b"414" => (
            "uri_too_long",
            "path and query are longer than a request line may be",
            "What is long goes into the body.",
        ),
        b"431" => (
            "headers_too_large",
            "the head of the request has too many headers, or too long ones",
            "[limits] max_headers and max_header_bytes say how many there may be.",
        ),
        _ => return None,
    };
    let head = std::str::from_utf8(bytes).ok()?;
    let (before, behind) = head.split_once(NO_BODY)?;
    if !behind.ends_with("\r\n\r\n") && behind != "\r\n" {
        return None;
    }
    let body = json!({ "code": code, "message": message, "details": null, "hint": hint });
    let body = body.to_string();
    let length = body.len();
    let kind = "content-type: application/json; charset=utf-8\r\n";
    Some(format!("{before}{kind}content-length: {length}\r\n{behind}{body}").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_without_a_body_to_a_head_that_cannot_be_read_is_told() {
        let bare = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\
                    content-length: 0\r\ndate: x\r\n\r\n";
        let told = told(bare.as_bytes()).expect("it is told");
        let text = String::from_utf8(told).expect("UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())));
        assert!(head.starts_with("HTTP/1.1 431 ") && head.ends_with("date: x"));
        assert!(
            body.starts_with(r#"{"code":"headers_too_large","#),
            "{body}"
        );
        for other in [
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 7\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n",
            "HTTP/1.1 4",
            "",
        ] {
            assert_eq!(super::told(other.as_bytes()), None, "{other:?}");
        }
    }
}
