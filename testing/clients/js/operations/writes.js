// Writes: insert, upsert, update, delete, and what they answer.

const notes = (db) => db.from('notes')
const tallies = (db) => db.from('tallies')
const allNotes = (db) => notes(db).select('id, title, stars').order('id')
const allTallies = (db) => tallies(db).select('bucket, name, hits').order('bucket').order('name')

const NOTES = [
  { id: 1, title: 'first', stars: 5 },
  { id: 2, title: 'second', stars: 3 },
  { id: 3, title: 'third', stars: 1 },
]

const inserts = [
  {
    claim: 'insert answers nothing, and defaults are filled in',
    ask: (db) => notes(db).insert({ id: 10, title: 'ten' }),
    status: 201,
    after: (db) => notes(db).select().eq('id', 10),
    left: [{ id: 10, title: 'ten', stars: 3, slug: null, body: null }],
  },
  {
    claim: 'insert and select',
    ask: (db) => notes(db).insert({ id: 10, stars: 0, body: 'x' }).select(),
    data: [{ id: 10, title: 'untitled', stars: 0, slug: null, body: 'x' }],
    status: 201,
  },
  {
    claim: 'insert makes an id that JavaScript can hold',
    ask: (db) =>
      notes(db)
        .insert({ title: 'made' })
        .select('id, title')
        .single()
        .then((answer) => {
          const { id, ...rest } = answer.data ?? {}
          return { ...answer, data: { ...rest, safe: Number.isSafeInteger(id) && id > 3 } }
        }),
    data: { title: 'made', safe: true },
    status: 201,
  },
  {
    claim: 'bulk insert answers its rows in order',
    ask: (db) =>
      notes(db)
        .insert([
          { id: 12, title: 'b' },
          { id: 11, title: 'a' },
        ])
        .select('id, title'),
    data: [
      { id: 12, title: 'b' },
      { id: 11, title: 'a' },
    ],
    status: 201,
  },
  {
    claim: 'bulk insert: a key that a row lacks is NULL',
    ask: (db) =>
      notes(db)
        .insert([
          { id: 11, slug: 's' },
          { id: 12, body: 'b' },
        ])
        .select('id, slug, body, stars'),
    data: [
      { id: 11, slug: 's', body: null, stars: 3 },
      { id: 12, slug: null, body: 'b', stars: 3 },
    ],
    status: 201,
  },
  {
    claim: 'bulk insert, defaultToNull false: a key that a row lacks takes its default',
    ask: (db) =>
      notes(db)
        .insert(
          [
            { id: 11, stars: 1 },
            { id: 12, title: 't' },
          ],
          { defaultToNull: false },
        )
        .select('id, title, stars'),
    data: [
      { id: 11, title: 'untitled', stars: 1 },
      { id: 12, title: 't', stars: 3 },
    ],
    status: 201,
  },
  {
    claim: 'insert counts its rows',
    ask: (db) => notes(db).insert([{ id: 11 }, { id: 12 }], { count: 'exact' }),
    count: 2,
    status: 201,
  },
  {
    claim: 'insert of nothing',
    ask: (db) => notes(db).insert([]).select(),
    data: [],
    status: 201,
    after: allNotes,
    left: NOTES,
  },
  {
    claim: 'a bulk insert with one bad row leaves nothing',
    ask: (db) =>
      notes(db).insert([
        { id: 11, stars: 1 },
        { id: 12, stars: 9 },
      ]),
    error: { code: '23514' },
    status: 400,
    after: allNotes,
    left: NOTES,
  },
  {
    claim: 'single refuses an insert of two rows, and nothing is left',
    ask: (db) =>
      notes(db)
        .insert([{ id: 11 }, { id: 12 }])
        .select()
        .single(),
    error: { code: 'PGRST116', details: 'The result contains 2 rows' },
    status: 406,
    after: allNotes,
    left: NOTES,
  },
].map((operation) => ({ ...operation, writes: ['notes'] }))

const elsewhere = [
  {
    claim: 'insert and select with an embedding',
    ask: (db) =>
      db
        .from('orders')
        .insert({ customer_id: 4, id: 401, placed: '2024-05-01', total: 7 })
        .select('id, status, placed, customers(name)')
        .single(),
    data: { id: 401, status: 'open', placed: '2024-05-01T00:00:00+00:00', customers: { name: 'Dae-jung' } },
    status: 201,
    writes: ['orders', 'order_items'],
  },
  {
    claim: 'arrays and JSON are written as they are',
    ask: (db) =>
      db
        .from('samples')
        .update({ labels: ['a,b', '', null, '"q"'], doc: { z: [true, null], a: 'é' }, raw: null, amount: '1.10' })
        .eq('ok', true)
        .select('labels, doc, raw, amount::text'),
    data: [{ labels: ['a,b', '', null, '"q"'], doc: { a: 'é', z: [true, null] }, raw: null, amount: '1.1' }],
    writes: ['samples'],
  },
]

const upserts = [
  {
    claim: 'upsert merges into the row that is there: what is not given stays',
    ask: (db) => tallies(db).upsert({ bucket: 'a', name: 'x', hits: 10 }).select(),
    data: [{ bucket: 'a', name: 'x', hits: 10, note: 'old' }],
  },
  {
    claim: 'upsert makes what is not there',
    ask: (db) =>
      tallies(db)
        .upsert([
          { bucket: 'a', name: 'y', hits: 20 },
          { bucket: 'c', name: 'z', hits: 1 },
        ])
        .select(),
    data: [
      { bucket: 'a', name: 'y', hits: 20, note: 'old' },
      { bucket: 'c', name: 'z', hits: 1, note: 'new' },
    ],
    status: 201,
  },
  {
    claim: 'upsert answers nothing',
    ask: (db) => tallies(db).upsert({ bucket: 'b', name: 'x', hits: 30 }),
    status: 200,
    after: allTallies,
    left: [
      { bucket: 'a', name: 'x', hits: 1 },
      { bucket: 'a', name: 'y', hits: 2 },
      { bucket: 'b', name: 'x', hits: 30 },
    ],
  },
  {
    claim: 'upsert ignores duplicates when told to',
    ask: (db) =>
      tallies(db)
        .upsert(
          [
            { bucket: 'a', name: 'x', hits: 99 },
            { bucket: 'c', name: 'z', hits: 1 },
          ],
          { ignoreDuplicates: true },
        )
        .select('bucket, name, hits'),
    data: [{ bucket: 'c', name: 'z', hits: 1 }],
    status: 201,
    after: allTallies,
    left: [
      { bucket: 'a', name: 'x', hits: 1 },
      { bucket: 'a', name: 'y', hits: 2 },
      { bucket: 'b', name: 'x', hits: 3 },
      { bucket: 'c', name: 'z', hits: 1 },
    ],
  },
  {
    claim: 'upsert, defaultToNull false: new rows take defaults',
    ask: (db) =>
      tallies(db)
        .upsert(
          [
            { bucket: 'd', name: 'p', hits: 4 },
            { bucket: 'd', name: 'q', note: 'n' },
          ],
          { defaultToNull: false },
        )
        .select('name, hits, note'),
    data: [
      { name: 'p', hits: 4, note: 'new' },
      { name: 'q', hits: 0, note: 'n' },
    ],
    status: 201,
  },
  {
    claim: 'upsert of one row twice is refused',
    ask: (db) =>
      tallies(db).upsert([
        { bucket: 'a', name: 'x', hits: 7 },
        { bucket: 'a', name: 'x', hits: 8 },
      ]),
    error: { code: '21000', message: 'ON CONFLICT DO UPDATE command cannot affect row a second time' },
    status: 400,
  },
]
  .map((operation) => ({ ...operation, writes: ['tallies'] }))
  .concat([
    {
      claim: 'upsert on a unique column',
      ask: (db) =>
        notes(db).upsert({ slug: 'one', title: 'renamed' }, { onConflict: 'slug' }).select('id, title, stars'),
      data: [{ id: 1, title: 'renamed', stars: 5 }],
      writes: ['notes'],
    },
    {
      claim: 'upsert counts',
      ask: (db) =>
        notes(db).upsert(
          [
            { id: 1, title: 'a' },
            { id: 20, title: 'b' },
          ],
          { count: 'exact' },
        ),
      count: 2,
      status: 201,
      writes: ['notes'],
    },
  ])

const updates = [
  {
    claim: 'update answers nothing',
    ask: (db) => notes(db).update({ stars: 4 }).eq('id', 3),
    status: 204,
    after: allNotes,
    left: [NOTES[0], NOTES[1], { id: 3, title: 'third', stars: 4 }],
  },
  {
    claim: 'update and select',
    ask: (db) => notes(db).update({ stars: 4, body: null }).gte('id', 2).select('id, stars, body'),
    data: [
      { id: 2, stars: 4, body: null },
      { id: 3, stars: 4, body: null },
    ],
  },
  {
    claim: 'update counts its rows',
    ask: (db) => notes(db).update({ stars: 2 }, { count: 'exact' }).gte('id', 2),
    count: 2,
    status: 204,
  },
  { claim: 'update of no row', ask: (db) => notes(db).update({ stars: 2 }).eq('id', 99).select(), data: [] },
  {
    claim: 'update by or and in',
    ask: (db) => notes(db).update({ title: 'z' }).or('id.eq.1,slug.is.null').in('stars', [1, 5]).select('id'),
    ids: [1, 3],
  },
  {
    claim: 'update and single',
    ask: (db) => notes(db).update({ title: 'z' }).eq('slug', 'two').select('id, title').single(),
    data: { id: 2, title: 'z' },
  },
  {
    claim: 'single refuses an update of three rows, and nothing is changed',
    ask: (db) => notes(db).update({ title: 'z' }).gte('id', 1).select().single(),
    error: { code: 'PGRST116', details: 'The result contains 3 rows' },
    status: 406,
    after: allNotes,
    left: NOTES,
  },
  {
    claim: 'maxAffected lets pass what is within',
    ask: (db) => notes(db).update({ stars: 2 }).gte('id', 2).maxAffected(2),
    status: 204,
  },
  {
    claim: 'maxAffected refuses what is beyond, and nothing is changed',
    ask: (db) => notes(db).update({ stars: 2 }).gte('id', 1).maxAffected(2),
    error: {
      code: 'PGRST124',
      message: 'Query result exceeds max-affected preference constraint',
      details: 'The query affects 3 rows',
    },
    status: 400,
    after: allNotes,
    left: NOTES,
  },
  {
    claim: 'update without a filter is refused',
    ask: (db) => notes(db).update({ stars: 2 }),
    error: { code: '21000', message: 'UPDATE requires a WHERE clause' },
    status: 400,
    after: allNotes,
    left: NOTES,
  },
  {
    claim: 'update of a key moves the row',
    ask: (db) => notes(db).update({ id: 30 }).eq('id', 3).select('id, title'),
    data: [{ id: 30, title: 'third' }],
    after: allNotes,
    left: [NOTES[0], NOTES[1], { id: 30, title: 'third', stars: 1 }],
  },
]

const deletes = [
  {
    claim: 'delete answers nothing',
    ask: (db) => notes(db).delete().eq('id', 1),
    status: 204,
    after: allNotes,
    left: NOTES.slice(1),
  },
  {
    claim: 'delete and select',
    ask: (db) => notes(db).delete().lte('id', 2).select('id, title, slug'),
    data: [
      { id: 1, title: 'first', slug: 'one' },
      { id: 2, title: 'second', slug: 'two' },
    ],
    after: allNotes,
    left: NOTES.slice(2),
  },
  {
    claim: 'delete counts its rows',
    ask: (db) => notes(db).delete({ count: 'exact' }).in('id', [1, 2, 9]),
    count: 2,
    status: 204,
  },
  {
    claim: 'maxAffected refuses to delete more, and nothing is gone',
    ask: (db) => notes(db).delete().gte('id', 1).maxAffected(1),
    error: { code: 'PGRST124', details: 'The query affects 3 rows' },
    status: 400,
    after: allNotes,
    left: NOTES,
  },
  {
    claim: 'delete without a filter is refused',
    ask: (db) => notes(db).delete(),
    error: { code: '21000', message: 'DELETE requires a WHERE clause' },
    status: 400,
    after: allNotes,
    left: NOTES,
  },
  {
    claim: 'delete without a filter, allowed by maxAffected',
    ask: (db) => notes(db).delete().maxAffected(3),
    status: 204,
    after: allNotes,
    left: [],
  },
]

export const writes = [
  ...inserts,
  ...elsewhere,
  ...upserts,
  ...[...updates, ...deletes].map((operation) => ({ ...operation, writes: ['notes'] })),
]
