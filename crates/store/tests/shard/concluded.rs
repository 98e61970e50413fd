//! Carrying an operation out, and what it concludes.

use pando_store::Store;
use pando_store::operation::Operation;
use pando_store::session::{Result, Session};
use std::sync::{Arc, Mutex};

/// What an operation concludes: a read by itself, a write as one.
pub async fn concluded<T: Send + 'static>(store: &Store, operation: Operation<T>) -> Result<T> {
    let session = Session::default();
    if !operation.writes() {
        return Ok(store.answer(&operation, &session).await?.0);
    }
    let kept = Arc::new(Mutex::new(None));
    let place = Arc::clone(&kept);
    let operation = operation.map(move |concluded| {
        *place.lock().unwrap() = Some(concluded);
        Ok(Vec::new())
    });
    store.carry_out(&operation, None, &session).await?;
    let concluded = kept.lock().unwrap().take();
    Ok(concluded.unwrap())
}
