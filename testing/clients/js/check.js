// One operation: a request that a client makes, and the answer it must get.
//
//   claim    what the operation shows; the test's name
//   ask      db => a request, where db is a client
//   data     the exact rows (or row, or CSV text), null unless given
//   ids      short for data = [{ id }, …]
//   count    the exact count, null unless given
//   status   200 unless given
//   error    { code, message, details, hint }, as far as given
//   after    db => a second request, and `left`, the exact rows it must get
//   writes   the tables that are filled afresh before and after

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fill } from './world.js'

/** Defines one test for each operation. */
export function check(operations, client) {
  for (const operation of operations) {
    test(operation.claim, async () => {
      if (operation.writes) await fill(operation.writes)
      try {
        await run(operation, client)
      } finally {
        if (operation.writes) await fill(operation.writes)
      }
    })
  }
}

async function run(operation, client) {
  const answer = await operation.ask(client)
  if (operation.error) {
    refused(answer, operation)
  } else {
    assert.equal(answer.error, null, `refused: ${JSON.stringify(answer.error)}`)
    const rows = operation.ids?.map((id) => ({ id })) ?? operation.data ?? null
    assert.deepEqual(answer.data, rows)
    assert.equal(answer.count, operation.count ?? null)
    assert.equal(answer.status, operation.status ?? 200)
  }
  if (operation.after) {
    const { data, error } = await operation.after(client)
    assert.equal(error, null)
    assert.deepEqual(data, operation.left)
  }
}

function refused(answer, { error, status }) {
  assert.ok(answer.error, `not refused: ${JSON.stringify(answer.data)}`)
  assert.equal(answer.data, null)
  for (const [part, expected] of Object.entries(error)) {
    if (expected instanceof RegExp) assert.match(answer.error[part], expected)
    else assert.deepEqual(answer.error[part], expected, `${part} of ${JSON.stringify(answer.error)}`)
  }
  assert.equal(answer.status, status, JSON.stringify(answer.error))
}
