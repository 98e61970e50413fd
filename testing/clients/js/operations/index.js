// All operations, in the order in which they are run.

import { aggregates } from './aggregates.js'
import { embedding } from './embedding.js'
import { errors } from './errors.js'
import { filters } from './filters.js'
import { json } from './json.js'
import { lists } from './lists.js'
import { types } from './types.js'
import { writes } from './writes.js'

export const operations = [...filters, ...json, ...types, ...lists, ...embedding, ...aggregates, ...writes, ...errors]
