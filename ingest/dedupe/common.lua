-- KEYS[1] is the workspace's epoch key; all others are derived from it.
local prefix = string.sub(KEYS[1], 1, -6)

local function split(text)
  local fields = {}
  for field in string.gmatch(text .. '|', '([^|]*)|') do
    fields[#fields + 1] = field
  end
  return fields
end

-- get returns the fields of a value, or nil.
local function get(kind, id)
  local value = redis.call('GET', prefix .. kind .. id)
  if value then return split(value) end
end

local function put(kind, id, ttl, ...)
  redis.call('SET', prefix .. kind .. id, table.concat({...}, '|'), 'PX', ttl)
end

local function later(a, b) return tonumber(a) > tonumber(b) end
