//! Rows: read as they were written, refused in order, moved, and gone with those they refer to.

use super::world::{
    city_row, eq, house_row, insert, open, prepared, read, refusal_code, tables, write,
};
use pando_model::engine::Engine;
use pando_model::error::EngineError;
use pando_model::plan::{Change, Delete, Filter, Order, OrderBy, Scalar, Update};
use pando_model::value::Value;

#[tokio::test]
async fn what_is_written_is_read_and_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let engine = prepared(&folder).await;
    let (_, house) = tables();
    let rows = vec![
        house_row(1, Some("BER"), Some(3)),
        house_row(2, None, None),
        house_row(3, Some("BER"), Some(1)),
    ];
    write(&engine, vec![insert(&house, rows.clone())])
        .await
        .unwrap();
    assert_eq!(
        read(&engine, &house, Filter::Const(true), vec![]).await,
        rows
    );
    let by_floors = vec![Order {
        by: OrderBy::Scalar(Scalar::Column(2)),
        descending: false,
        nulls_first: false,
    }];
    let sorted = [2, 0, 1].map(|place: usize| rows[place].clone());
    assert_eq!(
        read(&engine, &house, Filter::Const(true), by_floors.clone()).await,
        sorted
    );
    let at = engine.progress().low;
    engine.close().await.unwrap();
    drop(engine);

    let engine = open(&folder).await;
    assert_eq!(engine.progress().low, at);
    assert_eq!(engine.fetch_schema_version().await.unwrap(), 1);
    assert_eq!(
        read(&engine, &house, eq(0, Value::Int(3)), vec![]).await,
        [rows[2].clone()]
    );
    assert_eq!(engine.verify().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn breaches_of_keys_are_refused_in_order_and_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let engine = prepared(&folder).await;
    let (city, house) = tables();
    let code = |rows| {
        let (engine, city) = (engine.clone(), city.clone());
        async move { refusal_code(write(&engine, vec![insert(&city, rows)]).await) }
    };
    assert_eq!(
        code(vec![city_row("HAM", "Hamburg"), city_row("BER", "x")]).await,
        "23505"
    );
    assert_eq!(code(vec![city_row("HAM", "Berlin")]).await, "23505");
    let houses = vec![
        house_row(1, Some("BER"), None),
        house_row(2, Some("XXX"), None),
    ];
    let refused = write(&engine, vec![insert(&house, houses)]).await;
    assert_eq!(refusal_code(refused), "23503");
    assert_eq!(
        read(&engine, &city, Filter::Const(true), vec![])
            .await
            .len(),
        1
    );
    assert!(
        read(&engine, &house, Filter::Const(true), vec![])
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn updates_move_rows_and_deletes_cascade() {
    let folder = tempfile::tempdir().unwrap();
    let engine = prepared(&folder).await;
    let (city, house) = tables();
    write(
        &engine,
        vec![insert(&house, vec![house_row(1, Some("BER"), None)])],
    )
    .await
    .unwrap();
    let update = Change::Update(Update {
        table: house.clone(),
        filter: eq(0, Value::Int(1)),
        set: vec![(0, Value::Int(77)), (2, Value::Int(9))],
        max_affected: None,
        returning: None,
    });
    write(&engine, vec![update]).await.unwrap();
    let found = read(&engine, &house, eq(0, Value::Int(77)), vec![]).await;
    assert_eq!(found, [house_row(77, Some("BER"), Some(9))]);
    assert_eq!(engine.verify().await.unwrap(), Vec::<String>::new());
    let delete = Change::Delete(Delete {
        table: city.clone(),
        filter: eq(0, Value::Text("BER".into())),
        max_affected: Some(1),
        returning: None,
    });
    write(&engine, vec![delete]).await.unwrap();
    assert!(
        read(&engine, &house, Filter::Const(true), vec![])
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn rows_in_bulk_are_refused_for_the_first_fault_in_the_order_given() {
    let folder = tempfile::tempdir().unwrap();
    let engine = prepared(&folder).await;
    let (_, house) = tables();
    let mut rows: Vec<_> = (0..500)
        .map(|id| house_row(id, Some("BER"), None))
        .collect();
    write(&engine, vec![insert(&house, rows.clone())])
        .await
        .unwrap();
    for (place, row) in rows.iter_mut().enumerate() {
        row[0] = Value::Int(1_000 + place as i64);
    }
    rows[300][0] = Value::Int(7);
    rows[400][0] = Value::Int(8);
    match write(&engine, vec![insert(&house, rows)]).await {
        Err(EngineError::Refused(refusal)) => {
            assert_eq!(
                refusal.details.as_deref(),
                Some("Key (id)=(7) already exists.")
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        read(&engine, &house, Filter::Const(true), vec![])
            .await
            .len(),
        500
    );
}
