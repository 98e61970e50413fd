//! Chunks on their way to a server.

use super::super::super::source::Sources;
use super::*;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

fn sink(dir: &DataDir, url: &str, identity: &Identity, resume: bool) -> Remote {
    let client = Client::new(url).unwrap();
    let mapping = Mapping::default();
    Remote::new(client, "t", mapping, dir.clone(), identity.clone(), resume).unwrap()
}

/// The key of the next request. It is not answered.
async fn key_of_request(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let key = head
        .lines()
        .find(|line| line.starts_with("idempotency-key:"));
    key.expect("every chunk has one").to_owned()
}

#[tokio::test]
async fn a_first_chunk_whose_answer_was_lost_with_its_process_is_sent_again_under_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.csv");
    std::fs::write(&file, "a\n1\n").unwrap();
    let sources = Sources::open(&[file]).unwrap();
    let identity = Identity::of("tables/t", &sources, &[]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let dir = DataDir::new(folder.path());
    let tally = Tally {
        records: 1,
        written: 1,
        rejected: 0,
    };
    let chunk = || {
        vec![Sent {
            columns: vec!["a".to_owned()].into(),
            form: Form::Csv,
            text: b"1".to_vec(),
        }]
    };
    let mut keys = Vec::new();
    for resume in [false, true, false] {
        let sink = sink(&dir, &url, &identity, resume);
        let kept = sink.fetch_progress(&identity).await.unwrap();
        assert_eq!(kept.map(|(tally, _)| tally.records), resume.then_some(0));
        // What the process was doing ends with it.
        tokio::select! {
            done = sink.commit(chunk(), tally) => panic!("nobody answers: {done:?}"),
            key = key_of_request(&listener) => keys.push(key),
        }
        if resume {
            std::fs::remove_dir_all(folder.path().join("imports")).unwrap();
        }
    }
    assert_eq!(keys[0], keys[1], "it is the same chunk");
    assert_ne!(keys[0], keys[2], "another import is another run");
}

#[test]
fn csv_is_sent_as_csv_and_only_what_is_not_quoted_is_null() {
    let columns: Arc<[String]> = vec!["a".to_owned(), "b\"".to_owned()].into();
    let rows: [[Option<&str>; 2]; 2] = [[None, Some("NULL")], [Some("{\"x\":1}"), Some("")]];
    let items = rows.map(|row| {
        let mut text = Vec::new();
        for field in row {
            put_field(field.map(str::as_bytes), &mut text);
        }
        Sent {
            columns: Arc::clone(&columns),
            form: Form::Csv,
            text,
        }
    });
    let (content_type, body) = body_of(&items);
    assert_eq!(content_type, "text/csv");
    assert_eq!(
        String::from_utf8(body).unwrap(),
        "\"a\",\"b\"\"\"\nNULL,\"NULL\"\n\"{\"\"x\"\":1}\",\"\""
    );
}
