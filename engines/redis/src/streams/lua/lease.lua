-- ARGV: group, how many, visibility in ms, attempts, whether what is done with is kept, what is
-- said of the last attempt that ran out, how many may be held.
local max, visibility, attempts_max = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local keeps, out = ARGV[5] == '1', {}

local function deliver(id, fields, attempt)
  redis.call('ZADD', due, now + visibility, id)
  out[#out + 1] = {id, attempt, fields}
end

while #out < max do
  local ids = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, max - #out)
  if #ids == 0 then break end
  for _, id in ipairs(ids) do
    local whose, attempts = pending(id)
    local fields = whose and read(id) or {}
    if #fields == 0 then
      -- Somebody else removed it.
      finish(id, fields, keeps)
    elseif attempts >= attempts_max then
      bury(id, fields, attempts, ARGV[6], keeps)
    else
      own(id, 'out', attempts + 1)
      deliver(id, fields, attempts + 1)
    end
  end
end

while #out < max and redis.call('ZCARD', held) < tonumber(ARGV[7]) do
  local new = redis.call('XREADGROUP', 'GROUP', group, 'out', 'COUNT', max - #out, 'STREAMS', log, '>')
  if not new then break end
  for _, entry in ipairs(new[1][2]) do
    local id, fields = entry[1], entry[2]
    local only, key = field(fields, 'g'), field(fields, 'k')
    if only and only ~= group then
      finish(id, {}, keeps)
    elseif key and redis.call('HSETNX', busy, key, id) == 0 then
      own(id, 'held', 0)
      redis.call('ZADD', held, 0, behind(key, id))
    else
      deliver(id, fields, 1)
    end
  end
end
return out
