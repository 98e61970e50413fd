//! `pando queue move`: asked once, and waited for.

use crate::cli::MoveArgs;
use crate::failure::fail;
use crate::surface::{Asked, Surface};
use pando_client::encoded;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How often it is asked again: as often as a server sees to it.
const AGAIN: Duration = Duration::from_secs(1);

/// Has a queue moved, and waits for it; what the server says of it last.
pub async fn run(args: &MoveArgs, surface: &Surface) -> anyhow::Result<Value> {
    let (queue, to) = (&args.queue, args.to.name());
    let path = format!("/admin/v1/queues/{}/move", encoded(queue));
    let began = Instant::now();
    loop {
        let asked = Asked::post(&path, json!({ "to": to }).to_string());
        let answer: Value = super::call(surface, asked).await?.value;
        if answer["home"] == to || args.wait.get().is_zero() {
            return Ok(answer);
        }
        if began.elapsed() >= args.wait.get() {
            return fail(format!(
                "{queue} has not moved yet: some group has not done yet what the last move left behind"
            ))
            .hint(format!(
                "it moves by itself then; `pando queue list` shows how much there is, and `pando queue \
                 move {queue} --to {to} --wait 1h` waits for longer"
            ))
            .err();
        }
        tokio::time::sleep(AGAIN).await;
    }
}
