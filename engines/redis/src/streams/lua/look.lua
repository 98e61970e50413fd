-- ARGV: group, how many messages. Answers what waits, what is out, what is dead, when the oldest
-- was published, and the first messages that wait.
local last, lag = '0-0', false
for _, one in ipairs(info()) do
  if one['name'] == group then last, lag = one['last-delivered-id'], one['lag'] end
end
local summary = redis.call('XPENDING', log, group)
local waits, out = 0, 0
for _, one in ipairs(summary[4] or {}) do
  if one[1] == 'held' then waits = waits + one[2] else out = out + one[2] end
end
if lag then
  waits = waits + lag
else
  -- Redis lost count, by what was removed in the middle: it is counted.
  local from = '(' .. last
  repeat
    local some = redis.call('XRANGE', log, from, '+', 'COUNT', 1000)
    waits = waits + #some
    if #some > 0 then from = '(' .. some[#some][1] end
  until #some < 1000
end
local oldest = false
local function see(id)
  local found = redis.call('XRANGE', log, id, '+', 'COUNT', 1)[1]
  local published = found and field(found[2], 'p')
  if published and (not oldest or tonumber(published) < tonumber(oldest)) then oldest = published end
end
if summary[2] then see(summary[2]) end
see('(' .. last)
local first, from, max = {}, '(' .. last, tonumber(ARGV[2])
while #first < max do
  local some = redis.call('XRANGE', log, from, '+', 'COUNT', max)
  for _, entry in ipairs(some) do
    local only = field(entry[2], 'g')
    if #first < max and (not only or only == group) then first[#first + 1] = {entry[1], 0, entry[2]} end
    from = '(' .. entry[1]
  end
  if #some < max then break end
end
return {waits, out, redis.call('XLEN', of('dead')), oldest or '', first}
