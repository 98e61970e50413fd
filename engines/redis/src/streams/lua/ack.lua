-- ARGV: group, whether what is done with is kept; then leases. Answers the places of those done.
local done = {}
for i = 3, #ARGV do
  local id = shown(ARGV[i])
  if id then
    finish(id, read(id), ARGV[2] == '1')
    done[#done + 1] = i - 3
  end
end
return done
