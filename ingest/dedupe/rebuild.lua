-- ARGV: the key that is there while this rebuild is under way, and whether it was
-- made; then seven for each row: key, entry, event ttl, keys of the contacts of the
-- e-mail address and phone number alone, contact ttl, window ttl. A ttl is what is
-- left, in ms; 0 leaves that part out. What is known already stays: rows may
-- come in any order, again, and beside claims. Answers the numbers of the rows
-- (from 1) whose lead that they duplicate is not known yet.
local missing = {}
local hour = 3600000
if ARGV[2] == '0' then
  call('SET', ARGV[1], '', 'PX', hour)
elseif call('PEXPIRE', ARGV[1], hour) == 0 then
  return redis.error_reply('LOST the rows before')
end

-- extend writes a contact and keeps it for at least its ttl.
local function extend(c)
  c.left = math.max(c.ttl, c.left or c.known and call('PTTL', c.key) or 0)
  keep(c, c.left)
end

local function rebuild(key, text, event_ttl, mail, phone, contact_ttl, window_ttl)
  if event_ttl > 0 and add(key, text, event_ttl) then held[key] = text end
  local e, changed = entry(text), {}
  if e.contact == '' then return true end
  local contacts, found = {e.contact}, true
  for _, identifier in ipairs(contact_ttl > 0 and {mail, phone} or {}) do
    local c = at(identifier)
    if c.key and (not c.of or later(c.since, e.first)) then
      c.since, c.of, c.ttl = e.first, e.contact, contact_ttl
      changed[c] = true
    elseif c.key and c.of ~= e.contact then
      contacts[#contacts + 1] = c.of
    end
  end
  if window_ttl > 0 and e.window then
    local opens = {lead = sub(key, #prefix + 2), received = e.first}
    if e.duplicate ~= '' then
      local first = get(prefix .. 'e' .. e.duplicate)
      opens, found = first and {lead = e.duplicate, received = entry(first).first}, first
    end
    for _, id in ipairs(opens and contacts or {}) do
      local c = contact(id)
      if not c.lead or later(opens.received, c.received) then
        c.lead, c.received, c.ttl = opens.lead, opens.received, math.max(changed[c] and c.ttl or 0, window_ttl)
        changed[c] = true
      end
    end
  end
  for c in pairs(changed) do extend(c) end
  return found
end

for i = 3, #ARGV, 7 do
  if not rebuild(ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3], ARGV[i + 4], tonumber(ARGV[i + 5]), tonumber(ARGV[i + 6])) then
    missing[#missing + 1] = (i + 4) / 7
  end
end
return missing
