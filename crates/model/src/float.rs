//! Floating point: shortest round-trip text in PostgreSQL's form (`1e+20`, `0.1`).

/// Appends a double.
pub fn write_double(value: f64, out: &mut Vec<u8>) {
    let _ = (value, out);
    todo!()
}

/// Appends a real.
pub fn write_real(value: f32, out: &mut Vec<u8>) {
    let _ = (value, out);
    todo!()
}
