// The world that the operations look at: where the server is, and how its rows
// are put there. Rows travel over HTTP, by fetch, without any of the clients.

import { readFileSync } from 'node:fs'

/** The tables by name, each a list of rows, in the order in which they can be filled. */
export const world = JSON.parse(readFileSync(new URL('../world.json', import.meta.url), 'utf8'))

/** The address of the server under test. */
export const url = required('PANDO_URL')

/** A key with all scopes. */
export const key = required('PANDO_KEY')

/** A column of every table that is never NULL: a filter on it names all rows. */
const KEY_COLUMNS = {
  countries: 'code',
  profiles: 'customer_id',
  order_items: 'customer_id',
  product_categories: 'product_id',
  tallies: 'bucket',
}

/** Empties the tables named, last to first, and fills them again. */
export async function fill(tables = Object.keys(world)) {
  for (const table of [...tables].reverse()) {
    await send('DELETE', `${table}?${KEY_COLUMNS[table] ?? 'id'}=not.is.null`)
  }
  for (const table of tables) {
    await send('POST', table, world[table])
  }
}

async function send(method, path, rows) {
  const answer = await fetch(`${url}/rest/v1/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      prefer: 'return=minimal',
    },
    body: rows && JSON.stringify(rows),
  })
  if (!answer.ok) {
    throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
  }
}

function required(name) {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set; testing/clients/run.sh sets it`)
  return value
}
