-- KEYS[1] is the mark that the memory is filled; all other keys start as it
-- does. entry.go says what stands in them.
local prefix = string.sub(KEYS[1], 1, -6)
local call, byte, char, sub = redis.call, string.byte, string.char, string.sub

-- filled tells whether the memory is; not if an older version filled its own since.
local function filled() return call('EXISTS', KEYS[1]) == 1 and call('EXISTS', prefix .. 'epoch') == 0 end

local held = {} -- values by key that were read or written, false where there is none
local met = {} -- what at returned, by key

-- get returns a key's value, or false.
local function get(key)
  local value = held[key]
  if value == nil then
    value = call('GET', key)
    held[key] = value
  end
  return value
end

local function put(key, value, ttl)
  held[key] = value
  call('SET', key, value, 'PX', ttl)
end

-- add sets what is not there, and tells whether it did; get is not told.
local function add(key, value, ttl) return call('SET', key, value, 'NX', 'PX', ttl) end

-- split returns the texts that stand in a value from a position on, each after
-- its length in a byte; join makes such a value and leaves out what is empty at
-- its end.
local function split(value, at)
  local texts = {}
  while at <= #value do
    local last = at + byte(value, at)
    texts[#texts + 1] = sub(value, at + 1, last)
    at = last + 1
  end
  return texts
end

local function join(...)
  local texts, last = {...}, select('#', ...)
  while last > 0 and texts[last] == '' do last = last - 1 end
  for n = 1, last do texts[n] = char(#texts[n]) .. texts[n] end
  return table.concat(texts, '', 1, last)
end

-- number reads an integer, the most significant byte first.
local function number(text)
  local n = 0
  for i = 1, #text do n = n * 256 + byte(text, i) end
  return n
end

local function later(a, b) return number(a) > number(b) end

-- Flags of an event's entry.
local WINDOW, UPDATE, MUTABLE, LINK = 1, 2, 4, 8
local function has(flags, flag) return flags % (2 * flag) >= flag end

-- entry returns what a value says of an event, value what says that.
local function entry(value)
  local flags, texts = byte(value), split(value, 2)
  local first, version = texts[1], texts[5] or ''
  return {
    window = has(flags, WINDOW), update = has(flags, UPDATE), mutable = has(flags, MUTABLE), link = has(flags, LINK),
    first = first, owner = texts[2] or '', contact = texts[3] or '', duplicate = texts[4] or '',
    version = version == '' and first or version, print = texts[6] or '',
  }
end

local function value(e)
  return char((e.window and WINDOW or 0) + (e.update and UPDATE or 0)) ..
    join(e.first, e.owner, e.contact, e.duplicate, e.version == e.first and '' or e.version, e.print)
end

-- at returns what is known of the contact that an identifier is given alone:
-- since when the identifier is linked to which contact, if it is, and which lead
-- opened the contact's window when, if one did. keep writes what was changed of
-- that. Without a key it is nobody's.
local function at(key)
  if key == '' then return {} end
  local c = met[key]
  if c then return c end
  c = {key = key, id = sub(key, #prefix + 2)}
  met[key] = c
  local known = get(key)
  if not known then return c end
  local texts = split(known, 1)
  local since, of, lead, received = texts[1], texts[2] or '', texts[3] or '', texts[4] or ''
  if since ~= '' then c.since, c.of = since, of == '' and c.id or of end
  if lead ~= '' then c.lead, c.received = lead, received == '' and since or received end
  c.known = true
  return c
end

local function contact(id) return at(prefix .. 'c' .. id) end

local function keep(c, ttl)
  call('SET', c.key, join(c.since or '', c.of and c.of ~= c.id and c.of or '', c.lead or '',
    c.received and c.received ~= c.since and c.received or ''), 'PX', ttl)
end
