-- ARGV: event ttl, contact ttl (ms), window (microseconds); then six for each
-- event: its key and its entry if it is new, unique and of the person's own
-- contact; the key of the contact that the e-mail address alone is given, '' without
-- one, and its entry if the person is not known, '' if it is not to be kept; and
-- the same of the phone number. Flags of the event's entry say what is asked:
-- MUTABLE; WINDOW may ask for the person's window; LINK may link unknown
-- identifiers to the contact.
-- Answers one text for each event, the shortest for the most frequent; nothing
-- if the memory is empty.
if not filled() then return {} end
local event_ttl, contact_ttl, width = ARGV[1], ARGV[2], tonumber(ARGV[3])
local used = {} -- keys to be kept for longer

-- resolve returns all contacts of the identifiers, the survivor first.
local function resolve(own, new, first, mail, phone)
  local a, b = at(mail), at(phone)
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
    if c.of and new.link then used[#used + 1] = c.key end
  end
  for _, c in ipairs({a, b}) do
    if new.link and c.id and not c.of then
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

-- first keeps a person and the event if nobody knows either, and tells whether it
-- did; else it leaves no trace. It asks by writing: to read first would cost a
-- quarter more.
local function first(key, text, mail, mail_text, phone, phone_text)
  if mail ~= '' and (mail_text == '' or not add(mail, mail_text, contact_ttl)) then return false end
  if phone == '' or phone_text ~= '' and add(phone, phone_text, contact_ttl) then
    if add(key, text, event_ttl) then return true end
    if phone ~= '' then call('DEL', phone) end
  end
  if mail ~= '' then call('DEL', mail) end
  return false
end

-- fetch forgets what was read and reads the keys of one event.
local function fetch(key, mail, phone)
  if mail == '' then mail = key end
  if phone == '' then phone = key end
  local values = call('MGET', key, mail, phone)
  held, met = {[key] = values[1], [mail] = values[2], [phone] = values[3]}, {}
  return values[1]
end

local function claim(key, text, mail, mail_text, phone, phone_text)
  if first(key, text, mail, mail_text, phone, phone_text) then return 'n' end
  local known = fetch(key, mail, phone)
  local new, was, own = entry(text), known and entry(known), ''
  local e = {first = new.first, owner = new.owner, duplicate = '', version = new.version, print = new.print} -- to be kept
  if was and was.owner ~= '' then -- not one that was given up, see release.lua
    e.first, e.window, e.duplicate, own = was.first, was.window, was.duplicate, was.contact
    local function answer(decision) return decision .. join(was.first, was.contact, was.duplicate) end
    if was.owner == new.owner then
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
  end
  local contacts = {own}
  if new.contact ~= '' then contacts = resolve(own, new, e.first, mail, phone) end
  e.contact = contacts[1]
  if not new.window then
    if e.duplicate == '' then e.window = false end -- gives its window back, see opener
  elseif not e.window then
    e.duplicate, e.window = ask(sub(key, #prefix + 2), e.first, contacts), true
  end
  put(key, value(e), event_ttl)
  if not e.update and e.first == new.first and e.contact == new.contact and e.duplicate == '' then return 'n' end
  return (e.update and 'u' or 'n') .. join(e.first, e.contact, e.duplicate)
end

local answers, n = {}, 0
for i = 4, #ARGV, 6 do
  n = n + 1
  answers[n] = claim(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5])
end
-- Last: after a first write Redis lets the others pass its maxmemory.
call('PEXPIRE', KEYS[1], event_ttl)
for _, key in ipairs(used) do call('PEXPIRE', key, contact_ttl) end
return answers
