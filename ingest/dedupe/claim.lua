-- ARGV: event ttl, contact ttl, window ttl (all ms), window (microseconds); then
-- nine for each event: id, owner, fingerprint, flags, received, version,
-- candidate contact, e-mail hash, phone hash. Flags: m mutable, w may ask for
-- the person's window, l may link unknown identifiers to the contact.
-- Answers one text for each event, the shortest for the most frequent; nothing
-- if the memory is empty.
if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
local event_ttl, contact_ttl, window_ttl = ARGV[1], ARGV[2], ARGV[3]
local width = tonumber(ARGV[4])
local used = {} -- keys to be kept for longer

-- resolve returns all contacts of the identifiers, the survivor first.
local function resolve(contact, candidate, received, link, email, phone)
  local mail, number = email ~= '' and get('i:', email), phone ~= '' and get('i:', phone)
  local since
  if contact == '' then
    if mail then since, contact = mail[1], mail[2] end
    if number and (not since or later(since, number[1])) then since, contact = number[1], number[2] end
    if contact == '' then contact = candidate end
  end
  local contacts = {contact}
  local function known(hash, fields)
    if fields[2] ~= contact then
      contacts[#contacts + 1] = fields[2]
    elseif not since then
      since = fields[1]
    end
    if link then used[#used + 1] = prefix .. 'i:' .. hash end
  end
  if mail then known(email, mail) end
  if number then known(phone, number) end
  if link then
    local value = (since or received) .. '|' .. contact
    if email ~= '' and not mail then put('i:', email, contact_ttl, value) end
    if phone ~= '' and not number then put('i:', phone, contact_ttl, value) end
  end
  return contacts
end

-- opener returns the lead that opened a contact's window, unless it turned out
-- not to count after all.
local function opener(contact)
  local window = get('p:', contact)
  if not window then return nil end
  local event = get('e:', window[1])
  if event and (event[4] ~= 'w' or event[5] ~= '') then return nil end
  return window
end

-- ask returns the lead whose window this lead falls into, '' if none. Contacts
-- are all that the person is known by.
local function ask(lead, received, contacts)
  local openers, holder = {}, nil
  for i, contact in ipairs(contacts) do
    local window = opener(contact)
    if window then
      if window[1] == lead then return '' end
      local distance = tonumber(window[2]) - tonumber(received)
      if not holder and distance < width and distance > -width then holder = window end
      openers[i] = window
    end
  end
  local opens = holder or {lead, received}
  for i, contact in ipairs(contacts) do
    if not openers[i] or later(opens[2], openers[i][2]) then
      put('p:', contact, window_ttl, opens[1] .. '|' .. opens[2])
    end
  end
  return holder and holder[1] or ''
end

local function claim(id, owner, fingerprint, flags, received, version, candidate, email, phone)
  local event = get('e:', id)
  local decision, first, state, duplicate, contact = 'n', received, '', '', ''
  if event and event[2] ~= '' then -- not one that was given up, see release.lua
    first, state, duplicate, contact = event[1], event[4], event[5], event[6]
    local function answer(d) return d .. '|' .. first .. '|' .. contact .. '|' .. duplicate end
    if event[2] == owner then
      -- The same answer again, unless a decoder that was changed meanwhile
      -- reads a person where there was none, or none where there was one.
      local person, window = candidate ~= '', string.find(flags, 'w') ~= nil
      if person == (contact ~= '') and window == (state == 'w') then return answer(event[8]) end
      decision = event[8]
    else
      if not string.find(flags, 'm') or (fingerprint ~= '' and fingerprint == event[3]) then return answer('d') end
      if later(event[7], version) then return answer('u') end
      -- Of two states with one version the later delivery's stands, also when
      -- the earlier one is replayed.
      if event[7] == version and owner < event[2] then return answer('d') end
      decision = 'u'
    end
  end
  local contacts = {contact}
  if candidate ~= '' then
    contacts = resolve(contact, candidate, first, string.find(flags, 'l'), email, phone)
    contact = contacts[1]
  end
  if not string.find(flags, 'w') then
    if duplicate == '' then state = '' end -- gives its window back, see opener
  elseif state == '' then
    duplicate, state = ask(id, first, contacts), 'w'
  end
  put('e:', id, event_ttl, first .. '|' .. owner .. '|' .. fingerprint .. '|' .. state .. '|' .. duplicate .. '|' .. contact ..
    '|' .. version .. '|' .. decision)
  if decision == 'n' and first == received and contact == candidate and duplicate == '' then return 'n' end
  return decision .. '|' .. first .. '|' .. contact .. '|' .. duplicate
end

local keys = {}
for i = 5, #ARGV, 9 do
  keys[#keys + 1] = prefix .. 'e:' .. ARGV[i]
  if ARGV[i + 6] ~= '' then keys[#keys + 1] = prefix .. 'p:' .. ARGV[i + 6] end
  if ARGV[i + 7] ~= '' then keys[#keys + 1] = prefix .. 'i:' .. ARGV[i + 7] end
  if ARGV[i + 8] ~= '' then keys[#keys + 1] = prefix .. 'i:' .. ARGV[i + 8] end
end
fetch(keys)
local answers = {}
for i = 5, #ARGV, 9 do
  answers[#answers + 1] = claim(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4],
    ARGV[i + 5], ARGV[i + 6], ARGV[i + 7], ARGV[i + 8])
end
-- Last: after a first write Redis lets the others pass its maxmemory.
redis.call('PEXPIRE', KEYS[1], event_ttl)
for _, key in ipairs(used) do redis.call('PEXPIRE', key, contact_ttl) end
return answers
