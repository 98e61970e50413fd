// Lists: order, ranges, counts and the shapes of an answer.

const customers = (db, options) => db.from('customers').select('id', options)

export const lists = [
  { claim: 'a list without an order is ordered by its key', ask: (db) => customers(db), ids: [1, 2, 3, 4, 5, 6] },
  { claim: 'ascending, NULLs are last', ask: (db) => customers(db).order('country'), ids: [2, 3, 5, 1, 4, 6] },
  {
    claim: 'descending, NULLs are first',
    ask: (db) => customers(db).order('country', { ascending: false }),
    ids: [6, 1, 4, 5, 2, 3],
  },
  {
    claim: 'NULLs first, ascending',
    ask: (db) => customers(db).order('country', { nullsFirst: true }),
    ids: [6, 2, 3, 5, 1, 4],
  },
  {
    claim: 'NULLs last, descending',
    ask: (db) => customers(db).order('country', { ascending: false, nullsFirst: false }),
    ids: [1, 4, 5, 2, 3, 6],
  },
  {
    claim: 'two orders',
    ask: (db) => customers(db).order('vip', { ascending: false }).order('credit'),
    ids: [3, 1, 2, 4, 6, 5],
  },
  { claim: 'limit', ask: (db) => customers(db).limit(2), ids: [1, 2] },
  { claim: 'limit zero', ask: (db) => customers(db).limit(0), ids: [] },
  { claim: 'range', ask: (db) => customers(db).range(2, 3), ids: [3, 4] },
  { claim: 'range behind the end is empty', ask: (db) => customers(db).range(100, 109), ids: [] },
  { claim: 'count exact', ask: (db) => customers(db, { count: 'exact' }), ids: [1, 2, 3, 4, 5, 6], count: 6 },
  {
    claim: 'count exact counts what a limit leaves out',
    ask: (db) => customers(db, { count: 'exact' }).limit(2),
    ids: [1, 2],
    count: 6,
    status: 206,
  },
  {
    claim: 'count exact of a range',
    ask: (db) => customers(db, { count: 'exact' }).range(4, 9),
    ids: [5, 6],
    count: 6,
    status: 206,
  },
  {
    claim: 'count exact of filtered rows',
    ask: (db) => customers(db, { count: 'exact' }).eq('country', 'fr'),
    ids: [2, 3],
    count: 2,
  },
  {
    claim: 'count planned',
    ask: (db) => customers(db, { count: 'planned' }).eq('country', 'fr'),
    ids: [2, 3],
    count: 2,
  },
  {
    claim: 'count estimated',
    ask: (db) => customers(db, { count: 'estimated' }).eq('country', 'fr'),
    ids: [2, 3],
    count: 2,
  },
  {
    claim: 'head counts without rows',
    ask: (db) => customers(db, { count: 'exact', head: true }).gt('id', 2),
    count: 4,
  },
  { claim: 'head without a count', ask: (db) => customers(db, { head: true }) },
  { claim: 'single is an object', ask: (db) => customers(db).eq('id', 4).single(), data: { id: 4 } },
  {
    claim: 'maybeSingle with one row is an object',
    ask: (db) => customers(db).eq('id', 4).maybeSingle(),
    data: { id: 4 },
  },
  { claim: 'maybeSingle without a row is null', ask: (db) => customers(db).eq('id', 44).maybeSingle() },
  {
    claim: 'every column, by default',
    ask: (db) => db.from('countries').select().limit(1),
    data: [{ code: 'fr', name: 'France' }],
  },
  {
    claim: 'columns take aliases and casts',
    ask: (db) => db.from('customers').select('nr:id::text, who:name').eq('id', 1),
    data: [{ nr: '1', who: 'Ada' }],
  },
  {
    claim: 'columns may be quoted, and repeated',
    ask: (db) => db.from('customers').select('"name", again:name').eq('id', 1),
    data: [{ name: 'Ada', again: 'Ada' }],
  },
  {
    claim: 'csv has a header and a line for each row',
    ask: (db) => db.from('customers').select('id, name').lte('id', 2).csv(),
    data: 'id,name\n1,Ada\n2,Bela',
  },
  {
    claim: 'csv quotes what needs it and leaves NULL empty',
    ask: (db) => db.from('customers').select('id, name, joined').eq('id', 5).csv(),
    data: 'id,name,joined\n5,"O\'Hara, ""Eve"" (5)",',
  },
  {
    claim: 'stripNulls leaves NULLs out',
    ask: (db) => db.from('profiles').select().gt('customer_id', 2).stripNulls(),
    data: [{ customer_id: 3, bio: 'Paints' }],
  },
]
