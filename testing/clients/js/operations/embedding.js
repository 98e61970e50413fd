// Embedding: rows of related tables in the rows of another.

const customers = (db, columns, options) => db.from('customers').select(columns, options)
const orders = (db, columns) => db.from('orders').select(columns)
const ids = (...list) => list.map((id) => ({ id }))

const directions = [
  {
    claim: 'to one: an object',
    ask: (db) => orders(db, 'id, customers(name)').in('id', [101, 201]),
    data: [
      { id: 101, customers: { name: 'Ada' } },
      { id: 201, customers: { name: 'Bela' } },
    ],
  },
  {
    claim: 'to one: null where there is none',
    ask: (db) => customers(db, 'id, countries(name)').gte('id', 5),
    data: [
      { id: 5, countries: { name: 'Kenya' } },
      { id: 6, countries: null },
    ],
  },
  {
    claim: 'to many: an array',
    ask: (db) => customers(db, 'id, orders(id)').lte('id', 4),
    data: [
      { id: 1, orders: ids(101, 102, 103) },
      { id: 2, orders: ids(201) },
      { id: 3, orders: ids(301, 302) },
      { id: 4, orders: [] },
    ],
  },
  {
    claim: 'one to one: an object, from either side',
    ask: (db) => db.from('profiles').select('bio, customers(name, profiles(bio))').eq('customer_id', 3),
    data: [{ bio: 'Paints', customers: { name: 'Chloé', profiles: { bio: 'Paints' } } }],
  },
  {
    claim: 'through a join table of simple keys',
    ask: (db) => db.from('products').select('id, categories(name)'),
    data: [
      { id: 1, categories: [{ name: 'Lighting' }, { name: 'Office' }] },
      { id: 2, categories: [{ name: 'Office' }] },
      { id: 3, categories: [{ name: 'Writing' }] },
      { id: 4, categories: [] },
      { id: 5, categories: [] },
    ],
  },
  {
    claim: 'through a join table with a composite key, which may refer to nothing',
    ask: (db) => orders(db, 'id, products(name)').eq('customer_id', 1),
    data: [
      { id: 101, products: [{ name: 'Lamp' }, { name: 'Pen' }] },
      { id: 102, products: [{ name: 'Pen' }] },
      { id: 103, products: [] },
    ],
  },
  {
    claim: 'through a join table, from its other side',
    ask: (db) => db.from('products').select('id, orders(id)').lte('id', 3),
    data: [
      { id: 1, orders: ids(101, 302) },
      { id: 2, orders: ids(201, 302) },
      { id: 3, orders: ids(101, 102) },
    ],
  },
  {
    claim: 'the join table itself, with its own columns',
    ask: (db) => orders(db, 'id, order_items(quantity, products(name))').in('id', [101, 103]),
    data: [
      {
        id: 101,
        order_items: [
          { quantity: 1, products: { name: 'Lamp' } },
          { quantity: 10, products: { name: 'Pen' } },
        ],
      },
      { id: 103, order_items: [{ quantity: 1, products: null }] },
    ],
  },
  {
    claim: 'a table in itself, upwards',
    ask: (db) => db.from('categories').select('name, parent:parent_id(name)'),
    data: [
      { name: 'Home', parent: null },
      { name: 'Lighting', parent: { name: 'Home' } },
      { name: 'Office', parent: { name: 'Home' } },
      { name: 'Writing', parent: { name: 'Office' } },
    ],
  },
  {
    claim: 'a table in itself, downwards, twice',
    ask: (db) =>
      db
        .from('categories')
        .select('name, children:categories!parent_id(name, children:categories!parent_id(name))')
        .eq('id', 1),
    data: [
      {
        name: 'Home',
        children: [
          { name: 'Lighting', children: [] },
          { name: 'Office', children: [{ name: 'Writing' }] },
        ],
      },
    ],
  },
  {
    claim: 'four tables deep',
    ask: (db) =>
      db.from('order_items').select('quantity, orders(id, customers(name, countries(name)))').eq('product_id', 2),
    data: [
      { quantity: 1, orders: { id: 201, customers: { name: 'Bela', countries: { name: 'France' } } } },
      { quantity: 1, orders: { id: 302, customers: { name: 'Chloé', countries: { name: 'France' } } } },
    ],
  },
]

const hints = [
  {
    claim: 'a hint by the name of the foreign key',
    ask: (db) => db.from('messages').select('id, customers!messages_sender_id_fkey(name)').eq('id', 1),
    data: [{ id: 1, customers: { name: 'Ada' } }],
  },
  {
    claim: 'a hint by the column of the foreign key, with an alias',
    ask: (db) =>
      db.from('messages').select('id, from:customers!sender_id(name), to:customers!recipient_id(name)').gte('id', 3),
    data: [
      { id: 3, from: { name: 'Ada' }, to: { name: 'Chloé' } },
      { id: 4, from: { name: 'Chloé' }, to: null },
    ],
  },
  {
    claim: 'the column itself as the target',
    ask: (db) => db.from('messages').select('id, recipient:recipient_id(name)').eq('id', 2),
    data: [{ id: 2, recipient: { name: 'Ada' } }],
  },
  {
    claim: 'hints to many',
    ask: (db) => customers(db, 'id, sent:messages!sender_id(id), received:messages!recipient_id(id)').eq('id', 1),
    data: [{ id: 1, sent: ids(1, 3), received: ids(2) }],
  },
  {
    claim: 'a hint by the join table',
    ask: (db) => orders(db, 'id, products!order_items(id)').eq('id', 302),
    data: [{ id: 302, products: ids(1, 2) }],
  },
]

const spreads = [
  {
    claim: 'spread to one',
    ask: (db) => orders(db, 'id, ...customers(customer:name, country)').eq('id', 201),
    data: [{ id: 201, customer: 'Bela', country: 'fr' }],
  },
  {
    claim: 'spread one to one, null where there is none',
    ask: (db) => customers(db, 'id, ...profiles(bio)').in('id', [1, 4]),
    data: [
      { id: 1, bio: 'Counts' },
      { id: 4, bio: null },
    ],
  },
  {
    claim: 'spread in a spread',
    ask: (db) => orders(db, 'id, ...customers(...countries(land:name))').in('id', [101, 201]),
    data: [
      { id: 101, land: 'Korea' },
      { id: 201, land: 'France' },
    ],
  },
  {
    claim: 'spread in an embedding',
    ask: (db) => orders(db, 'id, items:order_items(quantity, ...products(name))').eq('id', 302),
    data: [
      {
        id: 302,
        items: [
          { quantity: 2, name: 'Lamp' },
          { quantity: 1, name: 'Desk' },
        ],
      },
    ],
  },
  {
    claim: 'spread to many makes arrays',
    ask: (db) => customers(db, 'id, ...orders(order_ids:id, status)').in('id', [3, 4]),
    data: [
      { id: 3, order_ids: [301, 302], status: ['cancelled', 'paid'] },
      { id: 4, order_ids: [], status: [] },
    ],
  },
]

const conditions = [
  {
    claim: 'a filter on what is embedded leaves the outer rows',
    ask: (db) => customers(db, 'id, orders(id)').eq('orders.status', 'open').lte('id', 2),
    data: [
      { id: 1, orders: ids(102) },
      { id: 2, orders: [] },
    ],
  },
  {
    claim: 'a filter on an embedded row makes it null',
    ask: (db) => orders(db, 'id, customers(name)').eq('customers.name', 'Ada').in('id', [101, 201]),
    data: [
      { id: 101, customers: { name: 'Ada' } },
      { id: 201, customers: null },
    ],
  },
  { claim: '!inner leaves out rows without', ask: (db) => customers(db, 'id, orders!inner()'), data: ids(1, 2, 3) },
  {
    claim: '!inner with a filter',
    ask: (db) => customers(db, 'id, orders!inner(id)').eq('orders.status', 'open'),
    data: [{ id: 1, orders: ids(102) }],
  },
  {
    claim: '!inner through a join table',
    ask: (db) => orders(db, 'id, products!inner(name)').eq('products.name', 'Desk'),
    data: [
      { id: 201, products: [{ name: 'Desk' }] },
      { id: 302, products: [{ name: 'Desk' }] },
    ],
  },
  {
    claim: '!inner in !inner',
    ask: (db) =>
      customers(db, 'id, orders!inner(id, order_items!inner(product_id))').eq('orders.order_items.product_id', 2),
    data: [
      { id: 2, orders: [{ id: 201, order_items: [{ product_id: 2 }] }] },
      { id: 3, orders: [{ id: 302, order_items: [{ product_id: 2 }] }] },
    ],
  },
  {
    claim: '!inner is counted',
    ask: (db) => customers(db, 'id, orders!inner()', { count: 'exact' }).limit(1),
    data: ids(1),
    count: 3,
    status: 206,
  },
  {
    claim: 'a filter two levels down',
    ask: (db) => customers(db, 'orders(id, order_items(product_id))').eq('id', 1).gt('orders.order_items.quantity', 1),
    data: [
      {
        orders: [
          { id: 101, order_items: [{ product_id: 3 }] },
          { id: 102, order_items: [] },
          { id: 103, order_items: [] },
        ],
      },
    ],
  },
  {
    claim: 'or on what is embedded',
    ask: (db) =>
      customers(db, 'id, orders(id)').or('status.eq.open,total.gt.50', { referencedTable: 'orders' }).in('id', [1, 3]),
    data: [
      { id: 1, orders: ids(102, 103) },
      { id: 3, orders: ids(302) },
    ],
  },
  {
    claim: 'the same table twice, by aliases, with a filter each',
    ask: (db) =>
      customers(db, 'id, paid:orders(id), open:orders(id)')
        .eq('paid.status', 'paid')
        .eq('open.status', 'open')
        .eq('id', 1),
    data: [{ id: 1, paid: ids(101, 103), open: ids(102) }],
  },
  {
    claim: 'is null on an embedding: rows without',
    ask: (db) => customers(db, 'id, orders()').is('orders', null),
    data: ids(4, 5, 6),
  },
  {
    claim: 'not is null on an embedding: rows with',
    ask: (db) => customers(db, 'id, orders()').not('orders', 'is', null),
    data: ids(1, 2, 3),
  },
  {
    claim: 'is null on a filtered embedding',
    ask: (db) => customers(db, 'id, orders()').eq('orders.status', 'paid').is('orders', null),
    data: ids(4, 5, 6),
  },
  {
    claim: 'or across an embedding and a column',
    ask: (db) => customers(db, 'id, profiles()').or('profiles.not.is.null,country.eq.ke'),
    data: ids(1, 2, 3, 5),
  },
]

const lists = [
  {
    claim: 'order in an embedding',
    ask: (db) =>
      customers(db, 'orders(id)').order('placed', { referencedTable: 'orders', ascending: false }).eq('id', 1),
    data: [{ orders: ids(103, 102, 101) }],
  },
  {
    claim: 'limit in an embedding, for each row',
    ask: (db) => customers(db, 'id, orders(id)').limit(1, { referencedTable: 'orders' }).lte('id', 3),
    data: [
      { id: 1, orders: ids(101) },
      { id: 2, orders: ids(201) },
      { id: 3, orders: ids(301) },
    ],
  },
  {
    claim: 'range in an embedding, for each row',
    ask: (db) => customers(db, 'id, orders(id)').range(1, 2, { referencedTable: 'orders' }).lte('id', 3),
    data: [
      { id: 1, orders: ids(102, 103) },
      { id: 2, orders: [] },
      { id: 3, orders: ids(302) },
    ],
  },
  {
    claim: 'order and limit two levels down',
    ask: (db) =>
      customers(db, 'orders(id, order_items(product_id))')
        .eq('id', 1)
        .limit(1, { referencedTable: 'orders' })
        .order('quantity', { referencedTable: 'orders.order_items', ascending: false })
        .limit(1, { referencedTable: 'orders.order_items' }),
    data: [{ orders: [{ id: 101, order_items: [{ product_id: 3 }] }] }],
  },
  {
    claim: 'order by a column of an embedded row',
    ask: (db) => orders(db, 'id, customers()').order('customers(name)', { ascending: false }),
    data: ids(301, 302, 201, 101, 102, 103),
  },
  {
    claim: 'single with embeddings',
    ask: (db) => orders(db, 'id, customers(name), order_items(quantity)').eq('id', 102).single(),
    data: { id: 102, customers: { name: 'Ada' }, order_items: [{ quantity: 1 }] },
  },
  {
    claim: 'every column, and embeddings',
    ask: (db) => db.from('countries').select('*, customers(id)').in('code', ['kr', 'pe']),
    data: [
      { code: 'kr', name: 'Korea', customers: ids(1, 4) },
      { code: 'pe', name: 'Peru', customers: [] },
    ],
  },
]

export const embedding = [...directions, ...hints, ...spreads, ...conditions, ...lists]
