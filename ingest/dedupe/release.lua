-- ARGV: pairs of an event's key and its owner. The events are given up by their
-- owners: they hold no window any more, and whoever tells them next is the
-- first. What is somebody else's by now stays. Answers how many were given up.
if not filled() then return 0 end
local released = 0
for i = 1, #ARGV, 2 do
  local key = ARGV[i]
  local known = get(key)
  local e = known and entry(known)
  if e and e.owner == ARGV[i + 1] and e.owner ~= '' then
    local left = call('PTTL', key)
    if left > 0 then
      put(key, value({first = e.first, owner = '', contact = '', duplicate = '', version = e.version, print = ''}), left)
    end
    released = released + 1
  end
end
return released
