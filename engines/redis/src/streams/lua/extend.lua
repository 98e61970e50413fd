-- ARGV: group, visibility in ms; then leases.
local done = {}
for i = 3, #ARGV do
  local id = shown(ARGV[i])
  if id then
    redis.call('ZADD', due, now + tonumber(ARGV[2]), id)
    done[#done + 1] = i - 3
  end
end
return done
