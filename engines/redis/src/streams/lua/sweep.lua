-- ARGV: -, for how many ms to keep. Removes what all groups are done with and is older.
local cut = string.format('%.0f-0', math.max(now - tonumber(ARGV[2]), 0))
for _, one in ipairs(info()) do
  local first = redis.call('XPENDING', log, one['name'])[2]
  local ms, seq = one['last-delivered-id']:match('(%d+)-(%d+)')
  local floor = first or (ms .. '-' .. string.format('%.0f', seq + 1))
  if before(floor, cut) then cut = floor end
end
return redis.call('XTRIM', log, 'MINID', cut)
