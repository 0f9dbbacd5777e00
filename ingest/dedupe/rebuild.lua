-- ARGV: seven for each row: key, entry, event ttl, keys of the contacts of the
-- e-mail address and phone number alone, contact ttl, window ttl. A ttl is what is
-- left, in ms; 0 leaves that part out. What is known already stays: rows may
-- come in any order, again, and beside claims. Answers the numbers of the rows
-- (from 1) whose lead that they duplicate is not known yet.
local missing = {}

-- extend keeps a contact for at least ttl.
local function extend(c, ttl)
  if c.known then ttl = math.max(tonumber(ttl), call('PTTL', c.key)) end
  keep(c, ttl)
end

for i = 1, #ARGV, 7 do
  local key, e, event_ttl, contact_ttl, window_ttl = ARGV[i], entry(ARGV[i + 1]), ARGV[i + 2], ARGV[i + 5], ARGV[i + 6]
  if event_ttl ~= '0' and not get(key) then put(key, ARGV[i + 1], event_ttl) end
  local contacts = {e.contact}
  if contact_ttl ~= '0' and e.contact ~= '' then
    for _, identifier in ipairs({ARGV[i + 3], ARGV[i + 4]}) do
      local c = at(identifier)
      if not c.key then
        -- not told
      elseif not c.of or later(c.since, e.first) then
        c.since, c.of = e.first, e.contact
        extend(c, contact_ttl)
      elseif c.of ~= e.contact then
        contacts[#contacts + 1] = c.of
      end
    end
  end
  if window_ttl ~= '0' and e.window and e.contact ~= '' then
    local opens = {lead = sub(key, #prefix + 2), received = e.first}
    if e.duplicate ~= '' then
      local known = get(prefix .. 'e' .. e.duplicate)
      opens = known and {lead = e.duplicate, received = entry(known).first}
      if not known then missing[#missing + 1] = (i + 6) / 7 end
    end
    for _, id in ipairs(opens and contacts or {}) do
      local c = contact(id)
      if not c.lead or later(opens.received, c.received) then
        c.lead, c.received = opens.lead, opens.received
        extend(c, window_ttl)
      end
    end
  end
end
return missing
