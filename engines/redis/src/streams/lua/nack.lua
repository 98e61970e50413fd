-- ARGV: group, whether what is done with is kept, delay in ms, the error, attempts; then leases.
local done = {}
for i = 6, #ARGV do
  local id, attempts = shown(ARGV[i])
  if id then
    if attempts >= tonumber(ARGV[5]) then
      bury(id, read(id), attempts, ARGV[4], ARGV[2] == '1')
    else
      own(id, 'back', attempts)
      redis.call('ZADD', due, now + tonumber(ARGV[3]), id)
    end
    done[#done + 1] = i - 6
  end
end
return done
