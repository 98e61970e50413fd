// @supabase/supabase-js against a real server: every operation, by `.from()`.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { createClient } from '@supabase/supabase-js'
import WebSocket from 'ws'
import { check } from '../check.js'
import { operations } from '../operations/index.js'
import { fill, key, url } from '../world.js'

before(() => fill())

test('the operations number at least sixty', () => {
  assert.ok(operations.length >= 60)
})

// The realtime part wants a WebSocket, which Node has from version 22 on.
check(
  operations,
  createClient(url, key, {
    auth: { persistSession: false, autoRefreshToken: false },
    realtime: { transport: WebSocket },
  }),
)
