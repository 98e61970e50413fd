//! COPY: rows in PostgreSQL's own binary form, without a statement for them.

use crate::cell::Param;
use crate::fault::{Fault, Step};
use crate::layout::names;
use crate::session::Session;
use crate::sql::quoted;
use bytes::{BufMut, BytesMut};
use pando_model::column::ColumnType;
use pando_model::error::EngineError;
use pando_model::plan::Row;
use pando_model::schema::{SLOT_COLUMN, Table};
use pando_model::slot::Slot;
use tokio_postgres::types::{IsNull, ToSql, Type};

/// What COPY's binary form begins with: its signature, no flags, nothing more.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with.
const TRAILER: i16 = -1;
/// Rows are sent in pieces of about so many bytes: each is handed to the thread that serves the
/// connection, which costs more than to send it.
const PIECE: usize = 512 << 10;

/// Copies rows into the table under `name`. A row that is refused takes the transaction down to
/// its last savepoint.
pub(crate) fn rows_into(
    session: &Session,
    table: &Table,
    name: &str,
    rows: &[(Slot, Row)],
) -> Step<()> {
    let all: Vec<_> = (0..table.columns.len()).collect();
    let sql = format!(
        "COPY {} ({SLOT_COLUMN}, {}) FROM STDIN (FORMAT binary)",
        quoted(name),
        names(table, &all)
    );
    let types: Vec<Type> = table.columns.iter().map(|one| type_of(&one.ty)).collect();
    // In the order of the slots: pages of indexes that begin with them are met one after the other.
    let mut order: Vec<&(Slot, Row)> = rows.iter().collect();
    order.sort_by_key(|(slot, _)| *slot);
    let mut rest = order.into_iter().peekable();
    let mut begun = false;
    let pieces = std::iter::from_fn(|| {
        rest.peek()?;
        let mut piece = BytesMut::with_capacity(PIECE + PIECE / 8);
        if !std::mem::replace(&mut begun, true) {
            piece.put_slice(HEADER);
        }
        while piece.len() < PIECE
            && let Some((slot, row)) = rest.next()
        {
            if let Err(fault) = push_row(&mut piece, &types, *slot, row) {
                return Some(Err(fault));
            }
        }
        if rest.peek().is_none() {
            piece.put_i16(TRAILER);
        }
        Some(Ok(piece.freeze()))
    });
    session.copy_in(&sql, pieces)
}

fn push_row(out: &mut BytesMut, types: &[Type], slot: Slot, row: &Row) -> Step<()> {
    let count = i16::try_from(types.len() + 1);
    out.put_i16(count.map_err(|error| cannot(Box::new(error)))?);
    out.put_i32(4);
    out.put_i32(slot.number() as i32);
    for (value, ty) in row.iter().zip(types) {
        let at = out.len();
        out.put_i32(-1);
        if let IsNull::No = Param::of(value).to_sql(ty, out).map_err(cannot)? {
            let length = i32::try_from(out.len() - at - 4);
            let length = length.map_err(|error| cannot(Box::new(error)))?;
            out[at..at + 4].copy_from_slice(&length.to_be_bytes());
        }
    }
    Ok(())
}

fn cannot(error: Box<dyn std::error::Error + Sync + Send>) -> Fault {
    Fault::Engine(EngineError::internal("write rows in binary", error))
}

/// PostgreSQL's type of a column.
fn type_of(ty: &ColumnType) -> Type {
    match ty {
        ColumnType::Text => Type::TEXT,
        ColumnType::Json => Type::JSON,
        ColumnType::Jsonb => Type::JSONB,
        ColumnType::Integer => Type::INT4,
        ColumnType::Bigint => Type::INT8,
        ColumnType::Boolean => Type::BOOL,
        ColumnType::Real => Type::FLOAT4,
        ColumnType::Double => Type::FLOAT8,
        ColumnType::Numeric { .. } => Type::NUMERIC,
        ColumnType::Date => Type::DATE,
        ColumnType::Timestamp => Type::TIMESTAMP,
        ColumnType::Timestamptz => Type::TIMESTAMPTZ,
        ColumnType::Uuid => Type::UUID,
        ColumnType::Bytea => Type::BYTEA,
        ColumnType::Array(inner) => array_of(inner),
    }
}

fn array_of(inner: &ColumnType) -> Type {
    match inner {
        ColumnType::Json => Type::JSON_ARRAY,
        ColumnType::Jsonb => Type::JSONB_ARRAY,
        ColumnType::Integer => Type::INT4_ARRAY,
        ColumnType::Bigint => Type::INT8_ARRAY,
        ColumnType::Boolean => Type::BOOL_ARRAY,
        ColumnType::Real => Type::FLOAT4_ARRAY,
        ColumnType::Double => Type::FLOAT8_ARRAY,
        ColumnType::Numeric { .. } => Type::NUMERIC_ARRAY,
        ColumnType::Date => Type::DATE_ARRAY,
        ColumnType::Timestamp => Type::TIMESTAMP_ARRAY,
        ColumnType::Timestamptz => Type::TIMESTAMPTZ_ARRAY,
        ColumnType::Uuid => Type::UUID_ARRAY,
        ColumnType::Bytea => Type::BYTEA_ARRAY,
        // There are no arrays of arrays.
        ColumnType::Text | ColumnType::Array(_) => Type::TEXT_ARRAY,
    }
}
