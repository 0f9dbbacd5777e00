-- ARGV: twelve for each row: id, event ttl, owner, received, version, state,
-- duplicate_of, contact, contact ttl, window ttl, e-mail hash, phone hash. A ttl
-- is what is left, in ms; 0 leaves that part out. What is known already stays:
-- rows may come in any order, again, and beside claims. Answers the numbers of
-- the rows (from 1) whose duplicate_of is not known yet.
local missing = {}
for i = 1, #ARGV, 12 do
  local id, received, state, duplicate, contact = ARGV[i], ARGV[i + 3], ARGV[i + 5], ARGV[i + 6], ARGV[i + 7]
  if ARGV[i + 1] ~= '0' and not get('e:', id) then
    put('e:', id, ARGV[i + 1], table.concat({received, ARGV[i + 2], '', state, duplicate, contact, ARGV[i + 4], 'n'}, '|'))
  end
  local contacts = {contact}
  if ARGV[i + 8] ~= '0' and contact ~= '' then
    for _, hash in ipairs({ARGV[i + 10], ARGV[i + 11]}) do
      if hash ~= '' then
        local link = get('i:', hash)
        if not link or later(link[1], received) then
          put('i:', hash, ARGV[i + 8], received .. '|' .. contact)
        elseif link[2] ~= contact then
          contacts[#contacts + 1] = link[2]
        end
      end
    end
  end
  if ARGV[i + 9] ~= '0' and state == 'w' and contact ~= '' then
    local opens = {id, received}
    if duplicate ~= '' then
      local first = get('e:', duplicate)
      opens = first and {duplicate, first[1]}
      if not first then missing[#missing + 1] = (i + 11) / 12 end
    end
    for _, id in ipairs(opens and contacts or {}) do
      local own = get('p:', id)
      if not own or later(opens[2], own[2]) then put('p:', id, ARGV[i + 9], opens[1] .. '|' .. opens[2]) end
    end
  end
end
return missing
