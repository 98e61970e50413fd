use super::*;
use proptest::prelude::*;

fn sum(values: &[f64]) -> Result<Value, Refusal> {
    over(AggregateFn::Sum, values)
}

fn over(function: AggregateFn, values: &[f64]) -> Result<Value, Refusal> {
    let mut accumulator = Accumulator::new(function, Some(ColumnType::Double));
    for value in values {
        accumulator.push(&Value::Double(*value))?;
    }
    accumulator.finish()
}

#[test]
fn sums_of_doubles_are_exact_and_rounded_once() {
    for (values, expected) in [
        (&[0.1; 10][..], 1.0),
        (&[1e308, 1e308, -1e308, -1e308], 0.0),
        (&[1e308, 1e308, -1e308], 1e308),
        (&[1.0, 1e100, 1.0, -1e100], 2.0),
        (&[1e16, 1.0, 1.0], 1e16 + 2.0),
        (&[9007199254740992.0, 1.0], 9007199254740992.0),
        (&[9007199254740992.0, 1.0, 5e-324], 9007199254740994.0),
        (&[5e-324, 5e-324], 1e-323),
        (&[-5e-324, 5e-324], 0.0),
        (&[f64::MAX, -f64::MAX, f64::MIN_POSITIVE], f64::MIN_POSITIVE),
        (&[-1.5, 0.25], -1.25),
    ] {
        assert_eq!(sum(values), Ok(Value::Double(expected)), "{values:?}");
    }
    assert_eq!(
        sum(&[f64::MAX, f64::MAX]).unwrap_err().message,
        "value out of range: overflow"
    );
}

#[test]
fn a_mean_is_in_range_where_the_sum_is_not() {
    assert_eq!(
        over(AggregateFn::Avg, &[1e308, 1e308]),
        Ok(Value::Double(1e308))
    );
    assert_eq!(over(AggregateFn::Avg, &[1.0, 2.0]), Ok(Value::Double(1.5)));
}

#[test]
fn a_mean_is_rounded_once() {
    for (values, expected) in [
        // The sum by itself is 2e15 + 0.0 or 0.25, and a third of that another number.
        (&[1e15, 1e15, 0.1][..], 666_666_666_666_666.8),
        (&[1e15, 1e15, -0.1], 666_666_666_666_666.6),
        (&[5e-324, 0.0], 0.0),
        (&[5e-324, 5e-324, 0.0], 5e-324),
        (&[1.5e-323, 0.0], 1e-323),
        (&[f64::MAX, f64::MAX, -f64::MAX], f64::MAX / 3.0),
        (&[-1.0, -2.0], -1.5),
        (&[0.0], 0.0),
    ] {
        let mean = over(AggregateFn::Avg, values);
        assert_eq!(mean, Ok(Value::Double(expected)), "{values:?}");
    }
}

proptest! {
    #[test]
    fn a_mean_lies_nearest_to_the_quotient_in_whole_numbers(
        values in prop::collection::vec(-(1_i64 << 52)..1 << 52, 1..40),
        scale in -300_i32..300,
    ) {
        let scaled: Vec<f64> = values.iter().map(|v| *v as f64 * 2_f64.powi(scale)).collect();
        let (sum, count) = (values.iter().map(|v| i128::from(*v)).sum::<i128>(), values.len());
        // Forty more bits than a double has: a tie shows, and what is beyond it.
        let wide = (sum << 60) / count as i128;
        let wide = wide | i128::from((sum << 60) % count as i128 != 0);
        let expected = wide as f64 * 2_f64.powi(-60) * 2_f64.powi(scale);
        prop_assert_eq!(over(AggregateFn::Avg, &scaled), Ok(Value::Double(expected)));
    }
}

#[test]
fn reals_sum_to_a_real() {
    let mut accumulator = Accumulator::new(AggregateFn::Sum, Some(ColumnType::Real));
    for value in [1e38_f32, 2e38, -1e38, 0.5] {
        accumulator.push(&Value::Real(value)).unwrap();
    }
    assert_eq!(accumulator.finish(), Ok(Value::Real(2e38)));
}

#[test]
fn rows_are_counted_with_their_nulls_and_values_without() {
    for (input, expected) in [(None, 2), (Some(ColumnType::Text), 1)] {
        let mut accumulator = Accumulator::new(AggregateFn::Count, input);
        accumulator.push(&Value::Null).unwrap();
        accumulator.push(&Value::Text("a".into())).unwrap();
        assert_eq!(accumulator.finish(), Ok(Value::Int(expected)));
    }
}

#[test]
fn a_sum_of_integers_beyond_bigint_is_refused_or_widened() {
    let of = |ty, values: &[i64]| {
        let mut accumulator = Accumulator::new(AggregateFn::Sum, Some(ty));
        for value in values {
            accumulator.push(&Value::Int(*value)).unwrap();
        }
        accumulator.finish().unwrap()
    };
    assert_eq!(
        of(ColumnType::Bigint, &[i64::MAX, i64::MAX]).to_text(&ColumnType::Numeric { limit: None }),
        Some("18446744073709551614".into())
    );
    assert_eq!(
        of(ColumnType::Integer, &[i64::from(i32::MAX); 3]),
        Value::Int(6_442_450_941)
    );
}

#[test]
fn a_declared_scale_is_the_sums() {
    let ty = ColumnType::Numeric {
        limit: Some((10, 2)),
    };
    let mut accumulator = Accumulator::new(AggregateFn::Sum, Some(ty));
    for text in ["1.5", "1.5"] {
        accumulator
            .push(&Value::Numeric(Numeric::parse(text).unwrap()))
            .unwrap();
    }
    let sum = accumulator.finish().unwrap();
    assert_eq!(
        sum.to_text(&ColumnType::Numeric { limit: None }).unwrap(),
        "3.00"
    );
}

fn any_double() -> impl Strategy<Value = f64> {
    prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO
}

proptest! {
    #[test]
    fn the_order_of_values_does_not_matter(
        mut values in prop::collection::vec(any_double(), 0..20),
        turn in 0_usize..20,
    ) {
        let forward = sum(&values);
        values.reverse();
        if !values.is_empty() {
            let middle = turn % values.len();
            values.rotate_left(middle);
        }
        prop_assert_eq!(sum(&values), forward);
    }

    #[test]
    fn two_values_sum_as_ieee_754_says(a in any_double(), b in any_double()) {
        let expected = a + b;
        match sum(&[a, b]) {
            Ok(Value::Double(sum)) => prop_assert_eq!(sum, expected),
            other => prop_assert!(expected.is_infinite(), "{:?}", other),
        }
    }

    #[test]
    fn two_reals_sum_as_ieee_754_says(
        a in prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO,
        b in prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO,
    ) {
        let expected = a + b;
        let mut exact = ExactSum::default();
        exact.add(f64::from(a));
        exact.add(f64::from(b));
        prop_assert_eq!(exact.round_to_f32(), expected);
    }
}
