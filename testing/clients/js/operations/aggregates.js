// Aggregates: over all rows, over groups, in embeddings.

const orders = (db, columns) => db.from('orders').select(columns)

export const aggregates = [
  { claim: 'count of rows', ask: (db) => orders(db, 'count()'), data: [{ count: 6 }] },
  {
    claim: 'count of values leaves NULL out',
    ask: (db) => db.from('customers').select('country.count()'),
    data: [{ count: 5 }],
  },
  { claim: 'sum of a numeric is exact', ask: (db) => orders(db, 'total.sum()'), data: [{ sum: 465.49 }] },
  {
    claim: 'avg, min and max at once',
    ask: (db) => orders(db, 'total.avg(), total.min(), total.max()'),
    data: [{ avg: 77.5816666666666667, min: 0, max: 250 }],
  },
  {
    claim: 'sum and avg of integers',
    ask: (db) => db.from('order_items').select('quantity.sum(), quantity.avg()::text'),
    data: [{ sum: 17, avg: '2.4285714285714286' }],
  },
  {
    claim: 'min and max of text, by bytes',
    ask: (db) => db.from('customers').select('name.min(), name.max()'),
    data: [{ min: 'Ada', max: 'ada_lower' }],
  },
  {
    claim: 'min and max of times',
    ask: (db) => orders(db, 'first:placed.min(), last:placed.max()'),
    data: [{ first: '2024-01-05T10:00:00+00:00', last: '2024-03-03T00:00:00.25+00:00' }],
  },
  {
    claim: 'aliases and casts of aggregates',
    ask: (db) => orders(db, 'spent:total.sum()::text').eq('status', 'paid'),
    data: [{ spent: '449.99' }],
  },
  {
    claim: 'groups by the columns that are not aggregated',
    ask: (db) => orders(db, 'status, count()').order('status'),
    data: [
      { status: 'cancelled', count: 1 },
      { status: 'open', count: 1 },
      { status: 'paid', count: 4 },
    ],
  },
  {
    claim: 'groups with a filter and an order descending',
    ask: (db) => orders(db, 'customer_id, total.sum()').gt('total', 0).order('customer_id', { ascending: false }),
    data: [
      { customer_id: 3, sum: 250 },
      { customer_id: 2, sum: 99.99 },
      { customer_id: 1, sum: 115.5 },
    ],
  },
  {
    claim: 'a path, cast, then summed',
    ask: (db) => db.from('products').select('attrs->size->>w::integer.sum()'),
    data: [{ sum: 330 }],
  },
  {
    claim: 'over no rows, a sum is null and a count 0',
    ask: (db) => orders(db, 'total.sum(), count()').eq('id', 0),
    data: [{ sum: null, count: 0 }],
  },
  {
    claim: 'in an embedding, for each row',
    ask: (db) => db.from('customers').select('id, orders(total.sum(), count())').in('id', [1, 4]),
    data: [
      { id: 1, orders: [{ sum: 115.5, count: 3 }] },
      { id: 4, orders: [{ sum: null, count: 0 }] },
    ],
  },
  {
    claim: 'groups in an embedding',
    ask: (db) =>
      db.from('customers').select('orders(status, count())').eq('id', 1).order('status', { referencedTable: 'orders' }),
    data: [
      {
        orders: [
          { status: 'open', count: 1 },
          { status: 'paid', count: 2 },
        ],
      },
    ],
  },
  {
    claim: 'count without parentheses, as older clients write it',
    ask: (db) => db.from('customers').select('id, orders(count)').lte('id', 2),
    data: [
      { id: 1, orders: [{ count: 3 }] },
      { id: 2, orders: [{ count: 1 }] },
    ],
  },
  {
    claim: 'beside an embedded row',
    ask: (db) => orders(db, 'customer_id, total.sum(), customers(name)').order('customer_id'),
    data: [
      { customer_id: 1, sum: 115.5, customers: { name: 'Ada' } },
      { customer_id: 2, sum: 99.99, customers: { name: 'Bela' } },
      { customer_id: 3, sum: 250, customers: { name: 'Chloé' } },
    ],
  },
  {
    claim: 'groups by what an embedded row spreads',
    ask: (db) => orders(db, '...customers(country), total.sum()').order('customers(country)'),
    data: [
      { country: 'fr', sum: 349.99 },
      { country: 'kr', sum: 115.5 },
    ],
  },
]
