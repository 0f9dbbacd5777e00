-- ARGV: event ttl, contact ttl (ms), window (microseconds); then four for each
-- event: id, its entry if it is new, unique and of the person's own contact,
-- and the contacts of the e-mail address and phone number alone. Flags of the
-- entry say what is asked: MUTABLE; WINDOW may ask for the person's window; LINK
-- may link unknown identifiers to the contact.
-- Answers one text for each event, the shortest for the most frequent; nothing
-- if the memory is empty.
if call('EXISTS', KEYS[1]) == 0 then return {} end
local event_ttl, contact_ttl, width = ARGV[1], ARGV[2], tonumber(ARGV[3])
local used = {} -- keys to be kept for longer

-- resolve returns all contacts of the identifiers, the survivor first.
local function resolve(own, new, first, mail, phone)
  local a, b = contact(mail), contact(phone)
  local since
  if own == '' then
    if a.of then since, own = a.since, a.of end
    if b.of and (not since or later(since, b.since)) then since, own = b.since, b.of end
    if own == '' then own = new.contact end
  end
  local contacts = {own}
  for _, c in ipairs({a, b}) do
    if c.of and c.of ~= own then contacts[#contacts + 1] = c.of end
    if c.of == own and not since then since = c.since end
    if c.of and new.link then used[#used + 1] = prefix .. 'c' .. c.id end
  end
  for _, c in ipairs({a, b}) do
    if new.link and c.id ~= '' and not c.of then
      c.since, c.of = since or first, own
      keep(c, contact_ttl)
    end
  end
  return contacts
end

-- opener returns a contact whose window is open, unless the lead that opened it
-- turned out not to count after all.
local function opener(id)
  local c = contact(id)
  local known = c.lead and get(prefix .. 'e' .. c.lead)
  if known then
    local lead = entry(known)
    if not lead.window or lead.duplicate ~= '' then return nil end
  end
  return c.lead and c
end

-- ask returns the lead whose window this lead falls into, '' if none. Contacts
-- are all that the person is known by.
local function ask(lead, received, contacts)
  local openers, holder = {}, nil
  for i, id in ipairs(contacts) do
    local window = opener(id)
    if window then
      if window.lead == lead then return '' end
      local distance = number(window.received) - number(received)
      if not holder and distance < width and distance > -width then holder = window end
      openers[i] = window
    end
  end
  local opens = holder or {lead = lead, received = received}
  for i, id in ipairs(contacts) do
    if not openers[i] or later(opens.received, openers[i].received) then
      local c = contact(id)
      c.lead, c.received = opens.lead, opens.received
      keep(c, contact_ttl)
    end
  end
  return holder and holder.lead or ''
end

-- before compares bytes, which < does not in every locale.
local function before(a, b)
  for i = 1, math.min(#a, #b) do
    if byte(a, i) ~= byte(b, i) then return byte(a, i) < byte(b, i) end
  end
  return #a < #b
end

-- first keeps an event of a person when neither is known.
local function first(id, text, mail, phone)
  put(prefix .. 'e' .. id, text, event_ttl)
  local flags, since = byte(text), sub(text, 2, 9) -- with its length
  if has(flags, LINK) then
    local own = mail ~= '' and mail or phone
    put(prefix .. 'c' .. own, has(flags, WINDOW) and since .. '\0' .. char(#id) .. id or since, contact_ttl)
    if phone ~= '' and phone ~= own then put(prefix .. 'c' .. phone, since .. char(#own) .. own, contact_ttl) end
  end
  return 'n'
end

local function claim(id, text, mail, phone)
  local known = get(prefix .. 'e' .. id)
  if not known and (mail == '' or not get(prefix .. 'c' .. mail)) and (phone == '' or not get(prefix .. 'c' .. phone)) then
    return first(id, text, mail, phone)
  end
  local new, e, own = entry(text), entry(text), ''
  local was = known and entry(known)
  if was and was.owner ~= '' then -- not one that was given up, see release.lua
    e.first, e.window, e.duplicate, own = was.first, was.window, was.duplicate, was.contact
    local function answer(decision) return decision .. join(was.first, was.contact, was.duplicate) end
    if was.owner == e.owner then
      -- The same answer again, unless a decoder that was changed meanwhile
      -- reads a person where there was none, or none where there was one.
      if (new.contact ~= '') == (own ~= '') and new.window == was.window then return answer(was.update and 'u' or 'n') end
      e.update = was.update
    else
      if not new.mutable or (new.print ~= '' and new.print == was.print) then return answer('d') end
      if later(was.version, new.version) then return answer('u') end
      -- Of two states with one version the later delivery's stands, also when
      -- the earlier one is replayed.
      if was.version == new.version and before(new.owner, was.owner) then return answer('d') end
      e.update = true
    end
  else
    e.window = false
  end
  local contacts = {own}
  if new.contact ~= '' then contacts = resolve(own, new, e.first, mail, phone) end
  e.contact = contacts[1]
  if not new.window then
    if e.duplicate == '' then e.window = false end -- gives its window back, see opener
  elseif not e.window then
    e.duplicate, e.window = ask(id, e.first, contacts), true
  end
  put(prefix .. 'e' .. id, value(e), event_ttl)
  if not e.update and e.first == new.first and e.contact == new.contact and e.duplicate == '' then return 'n' end
  return (e.update and 'u' or 'n') .. join(e.first, e.contact, e.duplicate)
end

local keys = {}
for i = 4, #ARGV, 4 do
  keys[#keys + 1] = prefix .. 'e' .. ARGV[i]
  if ARGV[i + 2] ~= '' then keys[#keys + 1] = prefix .. 'c' .. ARGV[i + 2] end
  if ARGV[i + 3] ~= '' then keys[#keys + 1] = prefix .. 'c' .. ARGV[i + 3] end
end
fetch(keys)
local answers = {}
for i = 4, #ARGV, 4 do
  answers[#answers + 1] = claim(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
end
-- Last: after a first write Redis lets the others pass its maxmemory.
call('PEXPIRE', KEYS[1], event_ttl)
for _, key in ipairs(used) do call('PEXPIRE', key, contact_ttl) end
return answers
