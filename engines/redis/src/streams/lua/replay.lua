-- ARGV: group, the id before the first.
redis.call('XGROUP', 'DESTROY', log, group)
redis.call('XGROUP', 'CREATE', log, group, ARGV[2])
redis.call('DEL', due, busy, held)
return 1
