//! Which status a code is answered with: PostgREST's table, in one place.
//!
//! | code | status | |
//! |---|---|---|
//! | `PGRST103` | 416 | no such range of rows |
//! | `PGRST105`, `PGRST117` | 405 | `PUT` not by the whole key; no such method |
//! | `PGRST106`, `PGRST107`, `PGRST116` | 406 | schema, media type, not exactly one row |
//! | `PGRST125`, `PGRST202`, `PGRST205`, `42883`, `42P01` | 404 | path, function, table |
//! | `PGRST201` | 300 | embedding is ambiguous |
//! | other `PGRST1…`, `PGRST2…` | 400 | |
//! | `PGRST3…` | 401 | |
//! | `23503`, `23505` | 409 | foreign key, unique |
//! | `42501`, `28…`, `0L`, `0P` | 403 | too little scope |
//! | `25006` | 405 | read only |
//! | `57014` | 504 | a read took too long |
//! | `08…`, `53…`, `57P…` | 503 | |
//! | `09…`, `25…`, `2D…`, `38…`, `39…`, `3B…`, `40…`, `55…`, `57…`, `58…`, `F0…`, `HV…`, `P0…`, `XX…` | 500 | faults of the server's |
//! | `not_found`, `conflict`, `precondition_failed`, `unprocessable` | 404, 409, 412, 422 | the models' own words |
//! | `document_too_large`, `not_representable`, `search_building` | 413, 406, 503 | of documents |
//! | `queue_full`, `too_many_in_flight` | 429 | of queues |
//! | `unsupported` | 422 | what a queue's broker cannot do |
//! | `broker_missing` | 503 | a queue is on a broker, and the server is told of none |
//! | `vetoed`, `listener_failed` | 422, 503 | a listener before the commit says no, or nothing |
//! | `unroutable` | 422 | a message for an exchange that matches no binding |
//! | everything else, `54…` and `malformed` among it | 400 | |
//!
//! Departures: PostgREST gives 500 for `54…` (too complex) and `57014`; here
//! bad input is never a 500.

use http::StatusCode;

/// The status of a code.
pub(crate) fn of_code(code: &str) -> StatusCode {
    if let Some(number) = code.strip_prefix("PGRST") {
        return of_pgrst(number);
    }
    match code {
        "not_found" => StatusCode::NOT_FOUND,
        "conflict" => StatusCode::CONFLICT,
        "document_too_large" => StatusCode::PAYLOAD_TOO_LARGE,
        "not_representable" => StatusCode::NOT_ACCEPTABLE,
        "search_building" | "broker_missing" => StatusCode::SERVICE_UNAVAILABLE,
        "precondition_failed" => StatusCode::PRECONDITION_FAILED,
        "unprocessable" | "unroutable" | "unsupported" | "vetoed" => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        "listener_failed" => StatusCode::SERVICE_UNAVAILABLE,
        "queue_full" | "too_many_in_flight" => StatusCode::TOO_MANY_REQUESTS,
        "23503" | "23505" => StatusCode::CONFLICT,
        "25006" => StatusCode::METHOD_NOT_ALLOWED,
        "42501" => StatusCode::FORBIDDEN,
        "42883" | "42P01" => StatusCode::NOT_FOUND,
        "57014" => StatusCode::GATEWAY_TIMEOUT,
        "P0001" => StatusCode::BAD_REQUEST,
        _ if code.starts_with("57P") => StatusCode::SERVICE_UNAVAILABLE,
        _ => of_class(code.get(..2).unwrap_or_default()),
    }
}

fn of_pgrst(number: &str) -> StatusCode {
    match number {
        "103" => StatusCode::RANGE_NOT_SATISFIABLE,
        "101" | "105" | "117" => StatusCode::METHOD_NOT_ALLOWED,
        "106" | "107" | "116" => StatusCode::NOT_ACCEPTABLE,
        "125" | "126" | "202" | "205" => StatusCode::NOT_FOUND,
        "201" | "203" => StatusCode::MULTIPLE_CHOICES,
        _ if number.starts_with('3') => StatusCode::UNAUTHORIZED,
        _ if number.starts_with('0') => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    }
}

fn of_class(class: &str) -> StatusCode {
    match class {
        "08" | "53" => StatusCode::SERVICE_UNAVAILABLE,
        "0L" | "0P" | "28" => StatusCode::FORBIDDEN,
        "09" | "25" | "2D" | "38" | "39" | "3B" | "40" | "55" | "57" | "58" | "F0" | "HV"
        | "P0" | "XX" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_and_not_be_done_is_422() {
        for code in ["unprocessable", "unroutable", "unsupported"] {
            assert_eq!(of_code(code), StatusCode::UNPROCESSABLE_ENTITY, "{code}");
        }
    }

    #[test]
    fn codes_have_postgrest_s_statuses() {
        let cases = [
            ("23505", 409),
            ("23503", 409),
            ("23502", 400),
            ("23514", 400),
            ("22P02", 400),
            ("22003", 400),
            ("21000", 400),
            ("42703", 400),
            ("42P01", 404),
            ("42883", 404),
            ("42501", 403),
            ("54001", 400),
            ("57014", 504),
            ("53100", 503),
            ("40001", 500),
            ("XX000", 500),
            ("PGRST100", 400),
            ("PGRST102", 400),
            ("PGRST103", 416),
            ("PGRST105", 405),
            ("PGRST107", 406),
            ("PGRST116", 406),
            ("PGRST117", 405),
            ("PGRST122", 400),
            ("PGRST124", 400),
            ("PGRST200", 400),
            ("PGRST201", 300),
            ("PGRST202", 404),
            ("PGRST204", 400),
            ("PGRST205", 404),
            ("PGRST301", 401),
            ("PGRST302", 401),
            ("", 400),
            ("é", 400),
        ];
        for (code, status) in cases {
            assert_eq!(of_code(code).as_u16(), status, "for {code}");
        }
    }
}
