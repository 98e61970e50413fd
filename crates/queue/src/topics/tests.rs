//! Claims about topics, in process.

use super::*;
use bytes::Bytes;
use pando_model::clock::ManualClock;
use std::sync::Arc;

const AT_US: i64 = 1_700_000_000_000_000;

fn topics(change: impl FnOnce(&mut TopicsConfig)) -> Topics {
    let mut config = TopicsConfig::default();
    change(&mut config);
    Topics::new(config, Arc::new(ManualClock::new(AT_US)))
}

fn name(text: &str) -> TopicName {
    TopicName::new(text).unwrap()
}

fn publication(text: &str) -> Publication {
    let body = Bytes::copy_from_slice(text.as_bytes());
    Publication::read(&[("content-type", b"text/plain")], None, body).unwrap()
}

async fn publish(topics: &Topics, topic: &str, text: &str) -> Published {
    let published = topics.publish(&name(topic), publication(text)).await;
    published.unwrap()
}

/// What a subscriber has been told by now: texts, and gaps as `gap 3` or `gap ?`.
fn heard(subscription: &mut Subscription) -> Vec<String> {
    let told = std::iter::from_fn(|| subscription.take());
    let text = |told: Told| match told {
        Told::Message(message) => {
            let sse = message.form(Form::Plain);
            let text = std::str::from_utf8(&sse).unwrap();
            let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
            data.collect::<Vec<_>>().join("|")
        }
        Told::Gap { missed } => format!("gap {}", missed.map_or("?".to_owned(), |n| n.to_string())),
    };
    told.map(text).collect()
}

#[tokio::test]
async fn whoever_listens_is_told_in_order_and_whoever_does_not_is_not() {
    let topics = topics(|_| {});
    assert_eq!(publish(&topics, "a", "before").await.subscribers, 0);
    let mut first = topics.subscribe(&name("a"), None).unwrap();
    let mut second = topics.subscribe(&name("a"), None).unwrap();
    let mut other = topics.subscribe(&name("b"), None).unwrap();
    for text in ["1", "2", "3"] {
        assert_eq!(publish(&topics, "a", text).await.subscribers, 2);
    }
    assert_eq!(heard(&mut first), ["1", "2", "3"]);
    assert_eq!(heard(&mut second), ["1", "2", "3"]);
    assert!(heard(&mut other).is_empty());
    drop(first);
    assert_eq!(publish(&topics, "a", "4").await.subscribers, 1);
    let report = topics.report();
    assert_eq!((report.published, report.delivered, report.gaps), (5, 6, 0));
    assert_eq!(report.subscribers, 2);
}

#[tokio::test]
async fn one_that_is_slow_is_told_how_much_it_missed_and_goes_on() {
    let topics = topics(|config| config.ring = 4);
    let mut slow = topics.subscribe(&name("a"), None).unwrap();
    let mut quick = topics.subscribe(&name("a"), None).unwrap();
    for n in 1..=10 {
        publish(&topics, "a", &n.to_string()).await;
        assert_eq!(heard(&mut quick), [n.to_string()]);
    }
    assert_eq!(heard(&mut slow), ["gap 6", "7", "8", "9", "10"]);
    publish(&topics, "a", "11").await;
    assert_eq!(heard(&mut slow), ["11"]);
    assert_eq!(topics.report().gaps, 1);
}

#[tokio::test]
async fn whoever_comes_back_is_told_what_the_ring_still_holds_and_of_what_it_does_not() {
    let topics = topics(|config| config.ring = 3);
    let opened = topics.subscribe(&name("a"), None).unwrap().opening();
    let mut ids = Vec::new();
    for n in 1..=3 {
        ids.push(publish(&topics, "a", &n.to_string()).await.id);
        // What others are told does not matter.
        publish(&topics, "b", "x").await;
    }
    let back = |from: Cursor| heard(&mut topics.subscribe(&name("a"), Some(from)).unwrap());
    assert_eq!(back(opened), ["1", "2", "3"]);
    assert_eq!(back(ids[0]), ["2", "3"]);
    assert!(back(ids[2]).is_empty());
    publish(&topics, "a", "4").await;
    // The last that was forgotten is still known: nothing behind it is missing.
    assert_eq!(back(ids[0]), ["2", "3", "4"]);
    assert_eq!(back(opened), ["gap ?", "2", "3", "4"]);
    publish(&topics, "a", "5").await;
    assert_eq!(back(ids[0]), ["gap ?", "3", "4", "5"]);
    assert_eq!(back(ids[1]), ["3", "4", "5"]);
    let elsewhere: Cursor = "00000000000000aa-7".parse().unwrap();
    assert_eq!(back(elsewhere), ["gap ?", "3", "4", "5"]);
}

#[tokio::test]
async fn a_topic_that_was_forgotten_tells_whoever_comes_back_to_it_of_a_gap() {
    let topics = topics(|config| {
        config.ring_bytes_max = 4 * 600;
        config.message_bytes_max = 600;
    });
    let opened = topics.subscribe(&name("quiet"), None).unwrap().opening();
    publish(&topics, "quiet", "1").await;
    let mut seen = topics.subscribe(&name("loud"), None).unwrap();
    for n in 0..20 {
        publish(&topics, "loud", &n.to_string()).await;
    }
    assert!(topics.report().ring_bytes <= 4 * 600);
    // Nobody listens to it and it holds nothing: it takes no room.
    assert_eq!(topics.report().topics, 1);
    let mut back = topics.subscribe(&name("quiet"), Some(opened)).unwrap();
    assert_eq!(heard(&mut back), ["gap ?"]);
    assert_eq!(heard(&mut seen).len(), 1 + topics.report().ring_bytes / 262);
    let now = topics.subscribe(&name("never"), None).unwrap().opening();
    let mut back = topics.subscribe(&name("quiet"), Some(now)).unwrap();
    assert!(heard(&mut back).is_empty(), "nothing was told since");
}

#[tokio::test]
async fn bounds_are_kept_and_what_is_beyond_is_refused() {
    let topics = topics(|config| {
        config.subscribers_max = 2;
        config.message_bytes_max = 16;
    });
    let first = topics.subscribe(&name("a"), None).unwrap();
    let _second = topics.subscribe(&name("b"), None).unwrap();
    let full = topics.subscribe(&name("a"), None).err();
    assert_eq!(full, Some(TopicError::Full { max: 2 }));
    drop(first);
    assert!(topics.subscribe(&name("a"), None).is_ok());
    // `text/plain` is ten of them.
    publish(&topics, "a", "123456").await;
    let refused = topics.publish(&name("a"), publication("1234567")).await;
    assert_eq!(refused, Err(TopicError::TooLarge { max: 16 }));
}

#[tokio::test]
async fn closing_ends_subscriptions_behind_what_they_have_still_to_tell() {
    let topics = topics(|_| {});
    let mut subscription = topics.subscribe(&name("a"), None).unwrap();
    publish(&topics, "a", "1").await;
    topics.close();
    assert!(matches!(subscription.next().await, Some(Told::Message(_))));
    assert!(subscription.next().await.is_none());
    let refused = topics.subscribe(&name("a"), None).err();
    assert_eq!(refused, Some(TopicError::Closed));
    let waiting = self::topics(|_| {});
    let mut subscription = waiting.subscribe(&name("a"), None).unwrap();
    let (told, ()) = tokio::join!(subscription.next(), async { waiting.close() });
    assert!(told.is_none(), "one that waits is woken");
}

#[tokio::test]
async fn what_is_sent_is_made_once_and_shared() {
    let topics = topics(|_| {});
    let mut first = topics.subscribe(&name("a"), None).unwrap();
    let mut second = topics.subscribe(&name("a"), None).unwrap();
    publish(&topics, "a", "x").await;
    for form in [Form::Plain, Form::Event, Form::Frame] {
        let bytes = [&mut first, &mut second].map(|subscription| {
            let told = subscription.take();
            told.map(|told| subscription.form(&told, form).as_ptr())
        });
        assert_eq!(bytes[0], bytes[1], "{form:?}");
        publish(&topics, "a", "x").await;
    }
}

#[tokio::test]
async fn a_message_is_told_as_it_was_published_or_as_an_event_where_that_cannot_be() {
    let topics = topics(|_| {});
    let mut subscription = topics.subscribe(&name("a/가"), None).unwrap();
    let mut told = async |headers: &[(&str, &[u8])], kind: Option<&str>, body: &[u8], form| {
        let body = Bytes::copy_from_slice(body);
        let publication = Publication::read(headers, kind, body).unwrap();
        let id = topics.publish(&name("a/가"), publication).await.unwrap().id;
        let told = subscription.take().unwrap();
        let bytes = subscription.form(&told, form);
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        text.replace(&id.to_string(), "ID")
    };
    let text: &[(&str, &[u8])] = &[("Content-Type", b"text/plain")];
    let event: &[(&str, &[u8])] = &[
        ("content-type", b"application/json"),
        ("ce-specversion", b"1.0"),
        ("ce-id", b"7"),
        ("ce-source", b"/s"),
        ("ce-type", b"paid"),
        ("ce-pandocursor", b"old"),
    ];
    let in_json = r#"{"datacontenttype":"application/json","id":"7","source":"/s","specversion":"1.0","type":"paid","data":1}"#;
    let wrapped = r#""id":"ID","source":"/topics/v1/a%2F%EA%B0%80","specversion":"1.0","time":"2023-11-14T22:13:20Z","type":"#;
    assert_eq!(
        told(text, None, b"a\nb\r\nc\rd\n", Form::Plain).await,
        "id: ID\ndata: a\ndata: b\ndata: c\ndata: d\ndata: \n\n"
    );
    assert_eq!(
        told(text, Some("x.y"), b"", Form::Plain).await,
        "id: ID\nevent: x.y\ndata: \n\n"
    );
    assert_eq!(
        told(text, Some("x"), b"a", Form::Event).await,
        format!(
            "id: ID\nevent: x\ndata: {{\"datacontenttype\":\"text/plain\",{wrapped}\"x\",\"data\":\"a\"}}\n\n"
        )
    );
    assert_eq!(
        told(&[], None, b"\xff", Form::Plain).await,
        format!("id: ID\ndata: {{{wrapped}\"message\",\"data_base64\":\"/w==\"}}\n\n")
    );
    assert_eq!(
        told(event, None, b"1", Form::Plain).await,
        format!("id: ID\nevent: paid\ndata: {in_json}\n\n")
    );
    assert_eq!(
        told(event, None, b"1", Form::Frame).await,
        in_json.replacen('{', "{\"pandocursor\":\"ID\",", 1)
    );
}

#[test]
fn what_cannot_be_published_is_refused_with_the_reason() {
    let check = |headers: &[(&str, &[u8])], kind: Option<&str>, reason: &str| {
        let read = Publication::read(headers, kind, Bytes::from_static(b"{}"));
        let error = read.unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    };
    check(&[], Some("pando.gap"), "Pando's own");
    check(&[], Some(""), "is empty");
    check(&[], Some("a\nb"), "control characters");
    check(&[], Some(&"x".repeat(256)), "more than 255 bytes");
    check(&[("content-type", b"text")], None, "no media type");
    check(&[("content-type", b"\xff/x")], None, "no media type");
    check(&[("ce-id", b"1")], None, "ce-source is missing");
    let event: &[(&str, &[u8])] = &[("content-type", b"application/cloudevents+json")];
    check(event, None, "\"id\" is missing");
    for text in ["", "a,b", "a b", "a\u{7}", &"x".repeat(129)] {
        assert!(TopicName::new(text).is_err(), "{text:?}");
    }
}

#[test]
fn a_cursor_is_read_as_it_was_written_and_nothing_else_is_one() {
    for text in [
        "00000000000000ff-1",
        "123456789abcdef0.18446744073709551615",
    ] {
        assert_eq!(text.parse::<Cursor>().unwrap().to_string(), text);
    }
    for text in [
        "",
        "1",
        "00000000000000ff",
        "00000000000000ff-",
        "00000000000000FF-1",
        "00000000000000ff-+1",
        "00000000000000ff:1",
        "00000000000000ff-18446744073709551616",
        "가나다라마바-1",
    ] {
        assert!(text.parse::<Cursor>().is_err(), "{text:?}");
    }
}
