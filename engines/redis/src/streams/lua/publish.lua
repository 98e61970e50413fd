-- ARGV[2]: the window, ms; then of each message: id, published, type, attributes, body, whether it
-- has a key, the key.
local seen, window = log .. ':seen', tonumber(ARGV[2])
if window > 0 then redis.call('ZREMRANGEBYSCORE', seen, '-inf', now) end
for i = 3, #ARGV, 7 do
  if window == 0 or redis.call('ZADD', seen, 'NX', now + window, ARGV[i]) == 1 then
    local fields = {'i', ARGV[i], 'p', ARGV[i + 1], 'c', ARGV[i + 2], 'a', ARGV[i + 3], 'b', ARGV[i + 4]}
    if ARGV[i + 5] == '1' then
      fields[11], fields[12] = 'k', ARGV[i + 6]
    end
    redis.call('XADD', log, '*', unpack(fields))
  end
end
return 1
