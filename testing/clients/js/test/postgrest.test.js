// @supabase/postgrest-js against a real server: every operation.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { PostgrestClient } from '@supabase/postgrest-js'
import { check } from '../check.js'
import { operations } from '../operations/index.js'
import { fill, key, url } from '../world.js'

before(() => fill())

test('the operations number at least sixty', () => {
  assert.ok(operations.length >= 60)
})

check(operations, new PostgrestClient(`${url}/rest/v1`, { headers: { authorization: `Bearer ${key}` } }))
