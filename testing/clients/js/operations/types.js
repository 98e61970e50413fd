// Values of every type: how they are written, cast and compared.

const FIRST = '00000000-0000-4000-8000-000000000001'
const SECOND = '00000000-0000-4000-8000-000000000002'
const THIRD = '00000000-0000-4000-8000-000000000003'

const sample = (db, columns, id = FIRST) => db.from('samples').select(columns).eq('id', id)
const samples = (db) => db.from('samples').select('id')

export const types = [
  {
    claim: 'times have microseconds, and a zone where the type has one',
    ask: (db) => sample(db, 'at, local, day'),
    data: [{ at: '2024-02-29T12:34:56.789012+00:00', local: '2024-02-29T12:34:56', day: '2024-02-29' }],
  },
  {
    claim: 'times leave trailing zeros out',
    ask: (db) => sample(db, 'at, local', SECOND),
    data: [{ at: '1999-12-31T23:59:59+00:00', local: '1999-12-31T23:59:59.5' }],
  },
  {
    claim: 'numbers and booleans are JSON',
    ask: (db) => sample(db, 'small, ratio, single, ok'),
    data: [{ small: 2147483647, ratio: 0.1, single: 1.5, ok: true }],
  },
  {
    claim: 'numbers have the whole width of their type',
    ask: (db) => sample(db, 'small, big, ratio, single, ok', SECOND),
    data: [{ small: -2147483648, big: -9007199254740991, ratio: -1e300, single: -0.25, ok: false }],
  },
  {
    claim: 'a cast to text keeps every digit',
    ask: (db) => sample(db, 'big::text, amount::text'),
    data: [{ big: '9223372036854775807', amount: '12345678901234567890.123456789' }],
  },
  {
    claim: 'json keeps its text, jsonb its meaning',
    ask: (db) => sample(db, 'raw::text, doc::text'),
    data: [{ raw: '{"b":1,"a":2}', doc: '{"a": [1, 2, null], "b": 1}' }],
  },
  {
    claim: 'json and jsonb are read as JSON',
    ask: (db) => sample(db, 'raw, doc', SECOND),
    data: [{ raw: [1, 'two'], doc: 'text' }],
  },
  {
    claim: 'bytes are hexadecimal',
    ask: (db) => db.from('samples').select('blob').order('id'),
    data: [{ blob: '\\xdeadbeef' }, { blob: '\\x' }, { blob: null }],
  },
  {
    claim: 'arrays are arrays, with NULLs',
    ask: (db) => sample(db, 'labels, numbers'),
    data: [{ labels: ['x', null, 'y z'], numbers: [1, null, -3] }],
  },
  {
    claim: 'NULL is null in every type',
    ask: (db) => sample(db, '*', THIRD).single(),
    data: {
      id: THIRD,
      at: null,
      local: null,
      day: null,
      small: null,
      big: null,
      amount: null,
      ratio: null,
      single: null,
      ok: null,
      raw: null,
      doc: null,
      blob: null,
      labels: null,
      numbers: null,
    },
  },
  {
    claim: 'a numeric of two places is written with two',
    ask: (db) => db.from('customers').select('credit::text, id::text').eq('id', 3),
    data: [{ credit: '33.30', id: '3' }],
  },
  {
    claim: 'an instant is found in any zone',
    ask: (db) => samples(db).eq('at', '2024-02-29T21:34:56.789012+09:00'),
    ids: [FIRST],
  },
  { claim: 'days compare by time', ask: (db) => samples(db).lt('day', '2000-01-01'), ids: [SECOND] },
  { claim: 'doubles compare by size', ask: (db) => samples(db).lt('ratio', 0), ids: [SECOND] },
  { claim: 'bigints compare exactly', ask: (db) => samples(db).eq('big', '9223372036854775807'), ids: [FIRST] },
  {
    claim: 'numerics compare exactly',
    ask: (db) => samples(db).gt('amount', '12345678901234567890.123456788'),
    ids: [FIRST],
  },
  { claim: 'bytes compare by hexadecimal', ask: (db) => samples(db).eq('blob', '\\xDEADBEEF'), ids: [FIRST] },
]
