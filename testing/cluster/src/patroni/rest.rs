//! Requests to the HTTP interfaces of Patroni and etcd: one for each connection.

use crate::error::{Error, Result};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Result<Value> {
        let parsed = serde_json::from_str(&self.body);
        parsed.map_err(|error| Error::new(format!("{error}: {}", self.body)))
    }
}

/// Sends a request. HTTP/1.0: the end of the answer is the end of the connection.
pub(crate) async fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: Option<&Value>,
    limit: Duration,
) -> Result<Answer> {
    let said = format!("{method} http://{address}{path}");
    let exchange = async {
        let body = body.map(Value::to_string).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(head.as_bytes()).await?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&bytes).into_owned())
    };
    let answer = match tokio::time::timeout(limit, exchange).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(Error::new(format!("{said}: {error}"))),
        Err(_) => return Err(Error::new(format!("{said}: no answer within {limit:?}"))),
    };
    let status = answer
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse().ok());
    let parts = status.zip(answer.split_once("\r\n\r\n"));
    let Some((status, (_, body))) = parts else {
        return Err(Error::new(format!("{said}: answered {answer:?}")));
    };
    Ok(Answer {
        status,
        body: body.to_owned(),
    })
}
