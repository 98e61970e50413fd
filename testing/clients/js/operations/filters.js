// Horizontal filters: every operator, alone and combined.

const customers = (db) => db.from('customers').select('id')
const messages = (db) => db.from('messages').select('id')

const comparisons = [
  { claim: 'eq: the rows that are equal', ask: (db) => customers(db).eq('country', 'fr'), ids: [2, 3] },
  { claim: 'eq on a boolean', ask: (db) => customers(db).eq('vip', true), ids: [1, 3] },
  { claim: 'eq on a date', ask: (db) => customers(db).eq('joined', '2020-12-31'), ids: [6] },
  { claim: 'eq on a numeric takes any spelling', ask: (db) => customers(db).eq('credit', '33.300'), ids: [3] },
  {
    claim: 'eq takes a value with reserved characters as it is',
    ask: (db) => customers(db).eq('name', 'O\'Hara, "Eve" (5)'),
    ids: [5],
  },
  { claim: 'eq takes text beyond ASCII', ask: (db) => customers(db).eq('name', 'Chloé'), ids: [3] },
  { claim: 'neq: NULL is neither equal nor unequal', ask: (db) => customers(db).neq('country', 'fr'), ids: [1, 4, 5] },
  { claim: 'gt', ask: (db) => customers(db).gt('credit', 33.3), ids: [1, 5] },
  { claim: 'gte', ask: (db) => customers(db).gte('credit', 33.3), ids: [1, 3, 5] },
  { claim: 'lt', ask: (db) => customers(db).lt('credit', 5), ids: [2] },
  { claim: 'lte', ask: (db) => customers(db).lte('credit', 5), ids: [2, 4] },
  { claim: 'gt and lt on text go by bytes', ask: (db) => customers(db).gt('name', 'Z'), ids: [6] },
  {
    claim: 'several filters must all hold',
    ask: (db) => customers(db).gte('id', 2).lt('id', 5).eq('vip', false),
    ids: [2, 4],
  },
  {
    claim: 'isDistinct: NULL is a value like others',
    ask: (db) => customers(db).isDistinct('country', 'fr'),
    ids: [1, 4, 5, 6],
  },
  {
    claim: 'not isdistinct: equal, NULL included',
    ask: (db) => customers(db).not('country', 'isdistinct', 'fr'),
    ids: [2, 3],
  },
]

const patterns = [
  { claim: 'like is case-sensitive', ask: (db) => customers(db).like('name', 'A%'), ids: [1] },
  { claim: 'like takes * for %', ask: (db) => customers(db).like('name', '*la'), ids: [2] },
  { claim: 'like: _ is any one character', ask: (db) => customers(db).like('name', 'ada_lower'), ids: [6] },
  { claim: 'like: a backslash makes _ itself', ask: (db) => customers(db).like('name', 'ada\\_%'), ids: [6] },
  { claim: 'ilike is not case-sensitive', ask: (db) => customers(db).ilike('name', 'ADA%'), ids: [1, 6] },
  { claim: 'likeAnyOf: one pattern suffices', ask: (db) => customers(db).likeAnyOf('name', ['A%', 'B%']), ids: [1, 2] },
  {
    claim: 'likeAllOf: every pattern must match',
    ask: (db) => customers(db).likeAllOf('name', ['%a%', '%e%']),
    ids: [2, 4, 5, 6],
  },
  { claim: 'ilikeAnyOf', ask: (db) => customers(db).ilikeAnyOf('name', ['ada%', 'CHL%']), ids: [1, 3, 6] },
  { claim: 'ilikeAllOf', ask: (db) => customers(db).ilikeAllOf('name', ['A%', '%LOWER']), ids: [6] },
  {
    claim: 'match: a regular expression, case-sensitive',
    ask: (db) => customers(db).regexMatch('name', '^[AB]'),
    ids: [1, 2],
  },
  {
    claim: 'imatch: a regular expression, not case-sensitive',
    ask: (db) => customers(db).regexIMatch('name', '^ad'),
    ids: [1, 6],
  },
]

const nulls = [
  { claim: 'is null', ask: (db) => customers(db).is('country', null), ids: [6] },
  { claim: 'is true', ask: (db) => customers(db).is('vip', true), ids: [1, 3] },
  { claim: 'is false', ask: (db) => customers(db).is('vip', false), ids: [2, 4, 5, 6] },
  {
    claim: 'is unknown',
    ask: (db) => db.from('samples').select('small').filter('ok', 'is', 'unknown'),
    data: [{ small: null }],
  },
  { claim: 'not is null', ask: (db) => customers(db).not('joined', 'is', null), ids: [1, 2, 3, 4, 6] },
]

const sets = [
  { claim: 'in', ask: (db) => customers(db).in('id', [1, 5, 9]), ids: [1, 5] },
  {
    claim: 'in quotes values with reserved characters',
    ask: (db) => customers(db).in('email', ['ada@example.com', 'a,b', 'bela@example.com']),
    ids: [1, 2],
  },
  { claim: 'in with no value finds nothing', ask: (db) => customers(db).in('id', []), ids: [] },
  { claim: 'notIn', ask: (db) => customers(db).notIn('id', [1, 2, 3]), ids: [4, 5, 6] },
  { claim: 'not in leaves NULL out', ask: (db) => customers(db).not('country', 'in', '(kr,fr)'), ids: [5] },
  { claim: 'eq(any): one value suffices', ask: (db) => customers(db).filter('id', 'eq(any)', '{2,4}'), ids: [2, 4] },
  {
    claim: 'gt(all): every value must be passed',
    ask: (db) => customers(db).filter('id', 'gt(all)', '{2,4}'),
    ids: [5, 6],
  },
]

const arrays = [
  { claim: 'contains, on an array', ask: (db) => customers(db).contains('tags', ['math']), ids: [1, 6] },
  {
    claim: 'contains: all items must be there',
    ask: (db) => customers(db).contains('tags', ['math', 'logic']),
    ids: [1],
  },
  {
    claim: 'contains: the empty array is in every array',
    ask: (db) => customers(db).contains('tags', []),
    ids: [1, 2, 3, 4, 6],
  },
  { claim: 'contains takes an item in quotes', ask: (db) => customers(db).contains('tags', '{"two words"}'), ids: [3] },
  { claim: 'containedBy, on an array', ask: (db) => customers(db).containedBy('scores', [1, 2, 3]), ids: [1, 4, 6] },
  { claim: 'overlaps', ask: (db) => customers(db).overlaps('tags', ['art', 'music']), ids: [2, 3, 6] },
  { claim: 'overlaps, on integers', ask: (db) => customers(db).overlaps('scores', [4, 5]), ids: [2, 3] },
  { claim: 'eq, on a whole array', ask: (db) => customers(db).eq('scores', '{3,1}'), ids: [6] },
  { claim: 'not cs', ask: (db) => customers(db).not('tags', 'cs', '{math}'), ids: [2, 3, 4] },
]

const searches = [
  {
    claim: 'textSearch: & wants both words',
    ask: (db) => messages(db).textSearch('body', 'quick & fox', { config: 'simple' }),
    ids: [1],
  },
  {
    claim: 'textSearch: | wants one of the words',
    ask: (db) => messages(db).textSearch('body', 'fox | dog', { config: 'simple' }),
    ids: [1, 2],
  },
  {
    claim: 'textSearch: ! wants a word not to be there',
    ask: (db) => messages(db).textSearch('body', 'brown & !fox', { config: 'simple' }),
    ids: [3],
  },
  {
    claim: 'textSearch: :* takes the beginning of a word',
    ask: (db) => messages(db).textSearch('body', 'bre:*', { config: 'simple' }),
    ids: [3],
  },
  {
    claim: 'textSearch without a configuration is simple',
    ask: (db) => messages(db).textSearch('body', 'JUMPS'),
    ids: [2],
  },
  {
    claim: 'textSearch plain: all words, in any order',
    ask: (db) => messages(db).textSearch('body', 'quick brown', { type: 'plain', config: 'simple' }),
    ids: [1, 3],
  },
  {
    claim: 'textSearch phrase: one word after the other',
    ask: (db) => messages(db).textSearch('body', 'quick brown', { type: 'phrase', config: 'simple' }),
    ids: [1],
  },
  {
    claim: 'textSearch websearch: quotes, or, minus',
    ask: (db) => messages(db).textSearch('body', '"brown fox" or lazy -bread', { type: 'websearch', config: 'simple' }),
    ids: [1, 2],
  },
  { claim: 'not fts', ask: (db) => messages(db).not('body', 'fts(simple)', 'brown'), ids: [2, 4] },
]

const logic = [
  { claim: 'or', ask: (db) => customers(db).or('id.eq.1,country.eq.fr'), ids: [1, 2, 3] },
  { claim: 'or of and', ask: (db) => customers(db).or('id.eq.4,and(country.eq.fr,vip.is.true)'), ids: [3, 4] },
  {
    claim: 'or takes not, in and quotes',
    ask: (db) => customers(db).or('name.eq."O\'Hara, \\"Eve\\" (5)",not.and(id.gt.1,id.lt.6),id.in.(2,3)'),
    ids: [1, 2, 3, 5, 6],
  },
  {
    claim: 'two or must both hold',
    ask: (db) => customers(db).or('id.eq.1,id.eq.2').or('country.eq.fr,country.eq.ke'),
    ids: [2],
  },
  {
    claim: 'match: each pair must be equal',
    ask: (db) => customers(db).match({ country: 'fr', vip: false }),
    ids: [2],
  },
  { claim: 'filter takes an operator by name', ask: (db) => customers(db).filter('credit', 'gte', '999'), ids: [1, 5] },
  { claim: 'not turns an operator round', ask: (db) => customers(db).not('id', 'lte', 4), ids: [5, 6] },
  { claim: 'not like', ask: (db) => customers(db).not('name', 'like', '%a%'), ids: [3] },
]

export const filters = [...comparisons, ...patterns, ...nulls, ...sets, ...arrays, ...searches, ...logic]
