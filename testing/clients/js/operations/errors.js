// Refusals: codes, statuses and words are PostgREST's and PostgreSQL's.

const customers = (db, columns = 'id') => db.from('customers').select(columns)
const notes = (db) => db.from('notes')

const requests = [
  {
    claim: 'an unknown table',
    ask: (db) => db.from('nowhere').select(),
    error: { code: 'PGRST205', message: "Could not find the table 'public.nowhere' in the schema cache" },
    status: 404,
  },
  {
    claim: 'an unknown column, selected',
    ask: (db) => customers(db, 'nope'),
    error: { code: '42703', message: 'column customers.nope does not exist' },
    status: 400,
  },
  {
    claim: 'an unknown column, in a filter',
    ask: (db) => customers(db).eq('nope', 1),
    error: { code: '42703' },
    status: 400,
  },
  {
    claim: 'an unknown column, in the order',
    ask: (db) => customers(db).order('nope'),
    error: { code: '42703' },
    status: 400,
  },
  {
    claim: 'an unknown column, in a body',
    ask: (db) => notes(db).insert({ nope: 1 }),
    error: { code: 'PGRST204', message: "Could not find the 'nope' column of 'notes' in the schema cache" },
    status: 400,
  },
  {
    claim: 'an unknown operator',
    ask: (db) => customers(db).filter('id', 'nop', '1'),
    error: { code: 'PGRST100' },
    status: 400,
  },
  {
    claim: 'a filter that ends too soon',
    ask: (db) => customers(db).or('id.eq.1,('),
    error: { code: 'PGRST100' },
    status: 400,
  },
  {
    claim: 'a selection that ends too soon',
    ask: (db) => customers(db, 'id,orders(id'),
    error: { code: 'PGRST100' },
    status: 400,
  },
  {
    claim: 'a table that is not related',
    ask: (db) => customers(db, 'id, samples(id)'),
    error: {
      code: 'PGRST200',
      message: "Could not find a relationship between 'customers' and 'samples' in the schema cache",
    },
    status: 400,
  },
  {
    claim: 'a table that is related in two ways',
    ask: (db) => db.from('messages').select('id, customers(name)'),
    error: {
      code: 'PGRST201',
      message: "Could not embed because more than one relationship was found for 'messages' and 'customers'",
    },
    status: 300,
  },
  {
    claim: 'a filter on what is not embedded',
    ask: (db) => customers(db).eq('orders.id', 1),
    error: { code: 'PGRST108', message: "'orders' is not an embedded resource in this request" },
    status: 400,
  },
  {
    claim: 'an order by what is not to one',
    ask: (db) => customers(db, 'id, orders(id)').order('orders(id)'),
    error: { code: 'PGRST118', message: "A related order on 'orders' is not possible" },
    status: 400,
  },
  {
    claim: 'a range behind the end, counted',
    ask: (db) => db.from('customers').select('id', { count: 'exact' }).range(100, 109),
    error: {
      code: 'PGRST103',
      message: 'Requested range not satisfiable',
      details: 'An offset of 100 was requested, but there are only 6 rows.',
    },
    status: 416,
  },
  { claim: 'a limit below zero', ask: (db) => customers(db).limit(-1), error: { code: 'PGRST103' }, status: 416 },
  {
    claim: 'single without a row',
    ask: (db) => customers(db).eq('id', 0).single(),
    error: {
      code: 'PGRST116',
      message: 'Cannot coerce the result to a single JSON object',
      details: 'The result contains 0 rows',
    },
    status: 406,
  },
  {
    claim: 'single with many rows',
    ask: (db) => customers(db).single(),
    error: { code: 'PGRST116', details: 'The result contains 6 rows' },
    status: 406,
  },
  {
    claim: 'maybeSingle with many rows',
    ask: (db) => customers(db).maybeSingle(),
    error: { code: 'PGRST116' },
    status: 406,
  },
  {
    claim: 'a media type that is not there',
    ask: (db) => customers(db).geojson(),
    error: { code: 'PGRST107' },
    status: 406,
  },
  {
    claim: 'a schema that is not there',
    ask: (db) => db.schema('other').from('customers').select(),
    error: { code: 'PGRST106' },
    status: 406,
  },
  { claim: 'a function', ask: (db) => db.rpc('nothing'), error: { code: 'PGRST202' }, status: 404 },
]

const values = [
  {
    claim: 'a value that is not of the type',
    ask: (db) => customers(db).eq('id', 'abc'),
    error: { code: '22P02', message: 'invalid input syntax for type bigint: "abc"' },
    status: 400,
  },
  {
    claim: 'a value beyond the type',
    ask: (db) => customers(db).eq('id', '99999999999999999999'),
    error: { code: '22003', message: 'value "99999999999999999999" is out of range for type bigint' },
    status: 400,
  },
  {
    claim: 'a day that is none',
    ask: (db) => customers(db).eq('joined', '2023-02-29'),
    error: { code: '22008' },
    status: 400,
  },
  {
    claim: 'is true of what is no boolean',
    ask: (db) => customers(db).is('name', true),
    error: { code: '42804' },
    status: 400,
  },
  {
    claim: 'like of what is no text',
    ask: (db) => customers(db).like('id', '1%'),
    error: { code: '42883' },
    status: 404,
  },
  { claim: 'a sum of text', ask: (db) => customers(db, 'name.sum()'), error: { code: '42883' }, status: 404 },
  {
    claim: 'a regular expression that is none',
    ask: (db) => customers(db).regexMatch('name', '('),
    error: { code: '2201B' },
    status: 400,
  },
  {
    claim: 'a body with a value that is not of the type',
    ask: (db) => notes(db).insert({ stars: 'many' }),
    error: { code: '22P02' },
    status: 400,
  },
  {
    claim: 'a body with a value beyond the type',
    ask: (db) => notes(db).insert({ stars: 3000000000 }),
    error: { code: '22003' },
    status: 400,
  },
]

const rules = [
  {
    claim: 'a primary key twice',
    ask: (db) => notes(db).insert({ id: 1 }),
    error: {
      code: '23505',
      message: 'duplicate key value violates unique constraint "notes_pkey"',
      details: 'Key (id)=(1) already exists.',
    },
    status: 409,
  },
  {
    claim: 'a unique value twice',
    ask: (db) => notes(db).insert({ id: 10, slug: 'one' }),
    error: {
      code: '23505',
      message: 'duplicate key value violates unique constraint "notes_slug_key"',
      details: 'Key (slug)=(one) already exists.',
    },
    status: 409,
  },
  {
    claim: 'a reference to what is not there',
    ask: (db) => db.from('customers').update({ country: 'xx' }).eq('id', 1),
    error: {
      code: '23503',
      message: 'insert or update on table "customers" violates foreign key constraint "customers_country_fkey"',
      details: 'Key (country)=(xx) is not present in table "countries".',
    },
    status: 409,
  },
  {
    claim: 'a row that others refer to',
    ask: (db) => db.from('customers').delete().eq('id', 1),
    error: { code: '23503', message: /^update or delete on table "customers" violates foreign key constraint/ },
    status: 409,
  },
  {
    claim: 'a NULL where there must be none',
    ask: (db) => notes(db).insert({ title: null }),
    error: { code: '23502', message: 'null value in column "title" of relation "notes" violates not-null constraint' },
    status: 400,
  },
  {
    claim: 'a row that a check refuses',
    ask: (db) => notes(db).update({ stars: 9 }).eq('id', 1),
    error: { code: '23514', message: 'new row for relation "notes" violates check constraint "notes_stars_check"' },
    status: 400,
  },
  {
    claim: 'an upsert on what is not unique',
    ask: (db) => notes(db).upsert({ title: 'first' }, { onConflict: 'title' }),
    error: {
      code: '42P10',
      message: 'there is no unique or exclusion constraint matching the ON CONFLICT specification',
    },
    status: 400,
  },
]

export const errors = [...requests, ...values, ...rules]
