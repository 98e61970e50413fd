use super::*;
use crate::column::ColumnType;
use crate::value::tests::{any_type, any_value};
use proptest::prelude::*;

fn arrays() -> impl Strategy<Value = (ColumnType, Vec<Value>, Vec<Value>)> {
    any_type()
        .prop_filter("an item's type", |ty| !matches!(ty, ColumnType::Array(_)))
        .prop_flat_map(|ty| {
            let item = prop_oneof![1 => Just(Value::Null), 4 => any_value(&ty)];
            let items = prop::collection::vec(item, 0..4);
            (Just(ty), items.clone(), items)
        })
}

#[test]
fn a_prefix_sorts_first_and_a_null_last() {
    let ints = |items: &[Option<i64>]| {
        let items: Vec<Value> = items
            .iter()
            .map(|item| item.map_or(Value::Null, Value::Int))
            .collect();
        to_ordered_bytes(&ColumnType::Integer, &items)
    };
    let ascending = [
        ints(&[]),
        ints(&[Some(-1)]),
        ints(&[Some(-1), Some(5)]),
        ints(&[Some(-1), None]),
        ints(&[Some(0)]),
        ints(&[Some(1), Some(i64::MIN)]),
        ints(&[Some(1), Some(i64::MAX)]),
        ints(&[None]),
        ints(&[None, Some(1)]),
    ];
    assert!(ascending.is_sorted_by(|a, b| a < b));
}

#[test]
fn large_sets_are_searched_alike() {
    let large: Vec<Value> = (0..2000).map(Value::Int).chain([Value::Null]).collect();
    assert!(contains(&large, &large[..2000]));
    assert!(!contains(&large, &large));
    assert!(overlaps(
        &large,
        &[Value::Int(-1), Value::Null, Value::Int(1999)]
    ));
    assert!(!overlaps(&large, &[Value::Int(-1), Value::Null]));
}

proptest! {
    #[test]
    fn ordered_bytes_keep_the_order_and_are_read_back((ty, a, b) in arrays()) {
        let (a_bytes, b_bytes) = (to_ordered_bytes(&ty, &a), to_ordered_bytes(&ty, &b));
        let order = Value::Array(a.clone()).compare(&Value::Array(b.clone()));
        prop_assert_eq!(a_bytes.cmp(&b_bytes), order);
        prop_assert_eq!(from_ordered_bytes(&ty, &a_bytes), Some(a));
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        ty in any_type(),
        bytes in prop::collection::vec(prop_oneof![0_u8..9, any::<u8>()], 0..24),
    ) {
        let _ = from_ordered_bytes(&ty, &bytes);
    }
}
