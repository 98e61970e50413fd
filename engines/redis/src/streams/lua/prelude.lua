-- What all scripts have. KEYS[1] is the log; the rest of a queue's keys begin as it does, and lie
-- in its slot. ARGV[1] is the group.
local log, group = KEYS[1], ARGV[1]
-- An empty log is there, with its groups. One that is not there would be made without any.
if redis.call('EXISTS', log) == 0 then
  return redis.error_reply('NOGROUP the queue is not there')
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function of(what, name) return log .. ':' .. what .. ':' .. (name or group) end
-- Of a group: when leases run out, which message of a key is first, and which wait behind it.
local due, busy, held = of('due'), of('busy'), of('held')

local function field(fields, name)
  for i = 1, #fields, 2 do
    if fields[i] == name then return fields[i + 1] end
  end
end

local function number(text) return string.rep('0', 20 - #text) .. text end

-- A member of `held`, or what those of a key begin with; no key's are between another's.
local function behind(key, id)
  local ms, seq = '', ''
  if id then ms, seq = id:match('(%d+)-(%d+)') end
  return #key .. ':' .. key .. ':' .. (id and (number(ms) .. '-' .. number(seq)) or '')
end

-- Whose it is (`out`: leased, `back`: given back, `held`: behind another), and its attempts.
local function pending(id, of_group)
  local found = redis.call('XPENDING', log, of_group or group, id, id, 1)[1]
  if found then return found[2], found[4] end
end

local function own(id, whose, attempts)
  redis.call('XCLAIM', log, group, whose, 0, id, 'RETRYCOUNT', attempts, 'JUSTID')
end

local function read(id)
  local found = redis.call('XRANGE', log, id, id)[1]
  return found and found[2] or {}
end

local function info()
  local groups = {}
  for _, one in ipairs(redis.call('XINFO', 'GROUPS', log)) do
    local group = {}
    for i = 1, #one, 2 do group[one[i]] = one[i + 1] end
    groups[#groups + 1] = group
  end
  return groups
end

local function before(a, b)
  local x, y = a:match('(%d+)-'), b:match('(%d+)-')
  if x ~= y then return tonumber(x) < tonumber(y) end
  return tonumber(a:match('-(%d+)')) < tonumber(b:match('-(%d+)'))
end

-- The group is done with a message: the next of its key may go, and the message, if all are done.
local function finish(id, fields, keeps)
  redis.call('XACK', log, group, id)
  redis.call('ZREM', due, id)
  local key = field(fields, 'k')
  if key and redis.call('HGET', busy, key) == id then
    local first = behind(key)
    local next = redis.call('ZRANGEBYLEX', held, '[' .. first, '(' .. first:sub(1, -2) .. ';', 'LIMIT', 0, 1)[1]
    if next then
      local ms, seq = next:match('(%d+)-(%d+)$')
      ms, seq = ms:match('^0*(%d+)$'), seq:match('^0*(%d+)$')
      local id = ms .. '-' .. seq
      redis.call('ZREM', held, next)
      redis.call('HSET', busy, key, id)
      redis.call('ZADD', due, now, id)
    else
      redis.call('HDEL', busy, key)
    end
  end
  if keeps then return end
  for _, one in ipairs(info()) do
    if one['name'] ~= group and
      (before(one['last-delivered-id'], id) or pending(id, one['name'])) then return end
  end
  redis.call('XDEL', log, id)
end

local function bury(id, fields, attempts, why, keeps)
  local dead = {'t', attempts, 'e', why}
  for i = 1, #fields do dead[#dead + 1] = fields[i] end
  redis.call('XADD', of('dead'), '*', unpack(dead))
  finish(id, fields, keeps)
end

-- A lease, as it is shown: nothing where it is none, or has run out.
local function shown(lease)
  local id, attempt = lease:match('^(%d+%-%d+)/(%d+)$')
  local till = id and redis.call('ZSCORE', due, id)
  if not till or tonumber(till) <= now then return end
  local whose, attempts = pending(id)
  if whose == 'out' and attempts == tonumber(attempt) then return id, attempts end
end
