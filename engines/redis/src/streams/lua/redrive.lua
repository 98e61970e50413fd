-- ARGV: group, how many.
local some = redis.call('XRANGE', of('dead'), '-', '+', 'COUNT', ARGV[2])
for _, entry in ipairs(some) do
  local fields = {'g', group}
  for i = 1, #entry[2], 2 do
    local name = entry[2][i]
    if name ~= 't' and name ~= 'e' and name ~= 'g' then
      fields[#fields + 1], fields[#fields + 2] = name, entry[2][i + 1]
    end
  end
  redis.call('XADD', log, '*', unpack(fields))
  redis.call('XDEL', of('dead'), entry[1])
end
return #some
