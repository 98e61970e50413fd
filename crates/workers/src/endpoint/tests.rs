use super::*;
use crate::handler::tests::job;
use http_body_util::Empty;

fn config(url: &str) -> EndpointConfig {
    EndpointConfig {
        url: url.to_owned(),
        dead_on: vec![410],
        ca_file: None,
        secrets: None,
    }
}

async fn answer(status: u16, retry_after: Option<&str>, body: &str) -> Answered {
    let mut answer = http::Response::builder().status(status);
    if let Some(after) = retry_after {
        answer = answer.header(RETRY_AFTER, after);
    }
    let answer = answer.body(Full::new(Bytes::from(body.to_owned())));
    Answered::read(answer.unwrap()).await
}

async fn verdict(status: u16, retry_after: Option<&str>, body: &str) -> Verdict {
    let endpoint = Endpoint::new(config("http://app.test/hook?token=secret")).unwrap();
    endpoint.verdict(&answer(status, retry_after, body).await)
}

#[tokio::test]
async fn a_verdict_is_the_answers_status() {
    let failure = |error: &str| {
        let (what, said) = error.split_once(": ").unwrap_or((error, ""));
        Failure::saying(format!("POST http://app.test/hook answered {what}"), said)
    };
    let failed = |error: &str, delay: Option<u64>| Verdict::Failed {
        error: failure(error),
        delay: delay.map(Duration::from_secs),
    };
    for status in [200, 202, 204] {
        assert_eq!(verdict(status, None, "fine").await, Verdict::Done);
    }
    let told = "500 Internal Server Error: no such user";
    assert_eq!(
        verdict(500, Some("9"), " no such user\n").await,
        failed(told, None)
    );
    let told = "429 Too Many Requests";
    assert_eq!(verdict(429, Some("9"), "").await, failed(told, Some(9)));
    let told = "503 Service Unavailable";
    assert_eq!(verdict(503, Some("soon"), "").await, failed(told, None));
    assert_eq!(verdict(503, Some("0"), "").await, failed(told, Some(0)));
    let told = "302 Found, and redirects are not followed";
    assert_eq!(verdict(302, None, "").await, failed(told, None));
    let error = failure("410 Gone: unsubscribed");
    let shown = "POST http://app.test/hook answered 410 Gone: unsubscribed";
    assert_eq!(error.to_string(), shown);
    assert_eq!(
        verdict(410, None, "unsubscribed").await,
        Verdict::Dead { error }
    );
}

#[tokio::test]
async fn an_error_keeps_the_first_kibibyte_of_an_answer() {
    let Verdict::Failed { error, .. } = verdict(400, None, &"x".repeat(5_000)).await else {
        panic!("it failed");
    };
    assert_eq!(error.to_string().matches('x').count(), ERROR_BYTES);
    assert!(beginning(Empty::<Bytes>::new()).await.is_empty());
}

#[test]
fn a_wait_is_seconds_or_a_date() {
    let now: Timestamp = "1994-11-06T08:49:00Z".parse().unwrap();
    for (text, seconds) in [
        ("120", Some(120)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
        ("Sun, 06 Nov 1994 08:48:37 GMT", Some(0)),
        ("-1", None),
        ("later", None),
    ] {
        let value = HeaderValue::from_str(text).unwrap();
        let expected = seconds.map(Duration::from_secs);
        assert_eq!(wait_of(&value, now), expected, "{text}");
    }
}

#[test]
fn a_request_says_which_message_it_is_and_which_attempt() {
    let mut config = config("http://app.test/hook?token=secret");
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    config.secrets = Some(Secrets::read(secret).unwrap());
    let mut job = job(42);
    job.attempt = 3;
    let posted = posted_of(&job, "42");
    let request = Endpoint::new(config).unwrap().request(posted).unwrap();
    for (name, value) in [
        ("content-type", "application/json"),
        ("ce-id", "42"),
        ("idempotency-key", "default/42"),
        ("pando-queue", "mail"),
        ("pando-attempt", "3"),
        ("webhook-id", "42"),
    ] {
        assert_eq!(request.headers()[name], value, "{name}");
    }
    assert!(request.headers().contains_key("webhook-signature"));
    assert_eq!(request.uri().query(), Some("token=secret"));
}

#[test]
fn what_is_no_endpoint_is_refused_with_the_reason() {
    for (url, reason) in [
        ("", "is no URL"),
        ("/hook", "must begin with"),
        ("ftp://app.test/", "must begin with"),
        ("http://user:pass@app.test/", "secret_file"),
        ("http://", "is no URL"),
    ] {
        let error = config(url).validate().unwrap_err().to_string();
        assert!(error.contains(reason), "{url}: {error}");
    }
    let mut of_success = config("http://app.test/");
    of_success.dead_on = vec![200];
    assert!(of_success.validate().is_err());
    let mut untrusted = config("https://app.test/");
    untrusted.ca_file = Some("/nowhere.pem".into());
    let Err(error) = Endpoint::new(untrusted) else {
        panic!("there is no such file");
    };
    assert!(error.to_string().contains("/nowhere.pem"), "{error}");
}
