-- ARGV: pairs of an event's id and its owner. The events are given up by their
-- owners: they hold no window any more, and whoever tells them next is the
-- first. What is somebody else's by now stays. Answers how many were given up.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local released = 0
for i = 1, #ARGV, 2 do
  local event = get('e:', ARGV[i])
  if event and event[2] == ARGV[i + 1] and event[2] ~= '' then
    local left = redis.call('PTTL', prefix .. 'e:' .. ARGV[i])
    if left > 0 then put('e:', ARGV[i], left, event[1] .. '||||||' .. event[7] .. '|n') end
    released = released + 1
  end
end
return released
