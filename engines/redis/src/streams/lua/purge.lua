-- All groups begin anew, behind the last message; then all are removed.
for _, one in ipairs(info()) do
  local name = one['name']
  redis.call('XGROUP', 'DESTROY', log, name)
  redis.call('XGROUP', 'CREATE', log, name, '$')
  redis.call('DEL', of('due', name), of('busy', name), of('held', name))
end
return redis.call('XTRIM', log, 'MAXLEN', 0)
