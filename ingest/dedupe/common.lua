-- KEYS[1] is the workspace's epoch key; all others are derived from it.
local prefix = string.sub(KEYS[1], 1, -6)
local call = redis.call
local held = {} -- values by key that were read or written, false where there is none

-- fetch reads many keys at once, for get: a call for each costs three times that.
local function fetch(keys)
  if #keys == 0 then return end
  local values = call('MGET', unpack(keys))
  for n, key in ipairs(keys) do held[key] = values[n] end
end

-- get returns the fields of a value, or nil.
local function get(kind, id)
  local key = prefix .. kind .. id
  local value = held[key]
  if value == nil then
    value = call('GET', key)
    held[key] = value
  end
  if not value then return nil end
  local fields = {}
  for field in string.gmatch(value .. '|', '([^|]*)|') do
    fields[#fields + 1] = field
  end
  return fields
end

local function put(kind, id, ttl, value)
  local key = prefix .. kind .. id
  held[key] = value
  call('SET', key, value, 'PX', ttl)
end

local function later(a, b) return tonumber(a) > tonumber(b) end
