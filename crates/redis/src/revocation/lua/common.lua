-- What all scripts begin with. One call is one point in time, on one hash slot.
--
-- | key | holds |
-- |---|---|
-- | meta | version, epoch, horizon and keep, seq and mark of the newest change, stamp, beat |
-- | set | id -> record |
-- | expiry | id by the time after which it may be forgotten: also the order in which the set is read |
-- | log | the changes; the id of an entry is <seq>-0, so that an anchor is found by its number |
-- | secrets | fingerprint -> since told |
-- | ops, ages | op -> what was answered; op by its time |
--
-- No key expires by itself: a server that evicts what expires must not touch a revocation.
local META, SET, EXPIRY, LOG, SECRETS, OPS, AGES = unpack(KEYS)
-- The last whole number that a script can count to.
local MAX = 9007199254740991
local OK, OTHER_VERSION, MALFORMED, NO_EPOCH = 0, 1, 2, 3

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local micros = time[1] * 1000000 + time[2]

local function digits(number)
  return string.format('%.0f', math.min(number, MAX))
end

local function meta(field)
  return redis.call('HGET', META, field) or ''
end

-- A record, or nothing and the version that it is of: 0 if of none.
local function parse(text)
  local kind, state, stamp, at, expires =
    string.match(text, '^1 (%a) ([rl]) (%d+) (%d+) (%d+)$')
  if kind then
    return {
      kind = kind, state = state, stamp = tonumber(stamp),
      at = tonumber(at), expires = tonumber(expires),
    }
  end
  local version = string.match(text, '^([1-9]%d*)$') or string.match(text, '^([1-9]%d*) ')
  if version and version ~= '1' then return nil, math.min(tonumber(version), MAX) end
  return nil, 0
end

local function encode(record)
  return table.concat({
    '1', record.kind, record.state, digits(record.stamp),
    digits(record.state == 'r' and record.at or 0), digits(record.expires),
  }, ' ')
end

-- What two records of one id say together. The order in which they come does not matter.
local function join(a, b)
  local later, earlier = a, b
  if b.stamp > a.stamp then later, earlier = b, a end
  local state, at = later.state, later.at
  if earlier.state == 'r' then
    if state == 'r' then
      at = math.max(at, earlier.at)
    elseif later.stamp == earlier.stamp then
      -- Two servers that did not know of each other.
      state, at = 'r', earlier.at
    end
  end
  return {
    kind = later.kind, state = state, stamp = later.stamp, at = at,
    expires = math.max(later.expires, earlier.expires),
  }
end

-- A log of another version is not touched.
local version = redis.call('HGET', META, 'version')
if version and version ~= '1' then
  return { OTHER_VERSION, tonumber(version) or 0 }
end
