// JSON paths: in the columns selected, in filters and in the order.

const products = (db) => db.from('products').select('id')

export const json = [
  {
    claim: '->> reads text, named by its last key',
    ask: (db) => db.from('products').select('id, attrs->>color'),
    data: [
      { id: 1, color: 'red' },
      { id: 2, color: 'oak' },
      { id: 3, color: 'blue' },
      { id: 4, color: null },
      { id: 5, color: null },
    ],
  },
  {
    claim: '-> reads JSON, step by step',
    ask: (db) => db.from('products').select('id, attrs->size->w'),
    data: [
      { id: 1, w: 10 },
      { id: 2, w: 120 },
      { id: 3, w: null },
      { id: 4, w: null },
      { id: 5, w: 200 },
    ],
  },
  {
    claim: 'a path takes an alias',
    ask: (db) => db.from('products').select('id, width:attrs->size->>w').lte('id', 2),
    data: [
      { id: 1, width: '10' },
      { id: 2, width: '120' },
    ],
  },
  {
    claim: 'a path takes places in an array, and is named by the key before',
    ask: (db) => db.from('products').select('id, attrs->parts->0').lte('id', 3),
    data: [
      { id: 1, parts: 'bulb' },
      { id: 2, parts: 'top' },
      { id: 3, parts: null },
    ],
  },
  {
    claim: 'a path counts from the end of an array',
    ask: (db) => db.from('products').select('last:attrs->parts->>-1').eq('id', 2),
    data: [{ last: 'legs' }],
  },
  {
    claim: 'a path goes into what another one selects whole',
    ask: (db) => db.from('products').select('attrs->size').eq('id', 1),
    data: [{ size: { w: 10, h: 20 } }],
  },
  { claim: 'eq on ->> compares text', ask: (db) => products(db).eq('attrs->>color', 'red'), ids: [1] },
  { claim: 'neq on ->>', ask: (db) => products(db).neq('attrs->>color', 'red'), ids: [2, 3] },
  { claim: 'gt on -> compares numbers', ask: (db) => products(db).gt('attrs->size->w', 100), ids: [2, 5] },
  { claim: 'lt on ->> compares text', ask: (db) => products(db).lt('attrs->size->>w', '2'), ids: [1, 2] },
  { claim: 'in on ->>', ask: (db) => products(db).in('attrs->>color', ['red', 'blue']), ids: [1, 3] },
  { claim: 'like on ->>', ask: (db) => products(db).like('attrs->>color', '%e%'), ids: [1, 3] },
  { claim: 'is null on ->>: JSON null is NULL', ask: (db) => products(db).is('attrs->>color', null), ids: [4, 5] },
  { claim: 'is null on ->: JSON null is a value', ask: (db) => products(db).is('attrs->color', null), ids: [4] },
  { claim: 'contains, on jsonb', ask: (db) => products(db).contains('attrs', { color: 'red' }), ids: [1] },
  { claim: 'contains goes into objects', ask: (db) => products(db).contains('attrs', { size: { w: 120 } }), ids: [2] },
  { claim: 'contains goes into arrays', ask: (db) => products(db).contains('attrs', { parts: ['legs'] }), ids: [2] },
  { claim: 'contains on a path', ask: (db) => products(db).contains('attrs->parts', '["bulb"]'), ids: [1] },
  {
    claim: 'containedBy, on jsonb',
    ask: (db) => products(db).containedBy('attrs', { color: 'blue', parts: [1], more: true }),
    ids: [3],
  },
  {
    claim: 'eq on a whole jsonb compares by meaning',
    ask: (db) => products(db).eq('attrs', '{"parts": [], "color": "blue"}'),
    ids: [3],
  },
  { claim: 'or on paths', ask: (db) => products(db).or('attrs->>color.eq.red,attrs->size->w.gte.200'), ids: [1, 5] },
  {
    claim: 'order by a path',
    ask: (db) => products(db).order('attrs->size->w', { ascending: false, nullsFirst: false }),
    ids: [5, 2, 1, 3, 4],
  },
]
