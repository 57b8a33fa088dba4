-- What scripts that write have in common.

local seq, stamp

-- The first write of every script: one that a full server, a replica, or a primary without its replicas
-- refuses, before anything is changed.
local function beat()
  redis.call('HINCRBY', META, 'beat', 1)
  redis.call('HSETNX', META, 'version', 1)
  seq = tonumber(meta('seq')) or 0
  stamp = tonumber(meta('stamp')) or 0
  local newest = redis.call('XREVRANGE', LOG, '+', '-', 'COUNT', 1)[1]
  if (newest and newest[1] or '0-0') ~= digits(seq) .. '-0' then
    -- A part of the log is gone, or somebody else wrote into it: it begins anew, and nodes bring back what
    -- they know. The set stays.
    redis.call('DEL', LOG)
    redis.call('HDEL', META, 'seq', 'mark', 'epoch')
    seq = 0
  end
end

local function begin(epoch, lifetime, keep, floor)
  redis.call('HSETNX', META, 'epoch', epoch)
  redis.call('HSETNX', META, 'horizon', lifetime)
  redis.call('HSETNX', META, 'keep', keep)
  stamp = math.max(stamp, tonumber(floor))
end

local function finish()
  redis.call('HSET', META, 'stamp', digits(stamp))
end

-- Joins a record with what the set has. Gives what it has now, and whether that is new.
local function put(id, record)
  local known = redis.call('HGET', SET, id)
  if known then record = join(parse(known), record) end
  local text = encode(record)
  if text == known and redis.call('ZSCORE', EXPIRY, id) then return text, false end
  redis.call('HSET', SET, id, text)
  redis.call('ZADD', EXPIRY, digits(record.expires), id)
  return text, true
end

-- Appends a change. A mark is made of chance and the place in this call, so none comes twice.
local function log(id, text, chance, place)
  seq = seq + 1
  local mark = chance .. string.format('%08x', place)
  redis.call('XADD', LOG, digits(seq) .. '-0', 'i', id, 'r', text, 'm', mark, 't', digits(now))
  redis.call('HSET', META, 'seq', digits(seq), 'mark', mark)
end

-- The version of the first of these ids whose record cannot be read; nothing if all can.
local function unreadable(ids)
  for _, id in ipairs(ids) do
    local known = redis.call('HGET', SET, id)
    if known then
      local record, of = parse(known)
      if not record then return of end
    end
  end
end

local function refusal(of)
  if of == 0 then return { MALFORMED, 0 } end
  return { OTHER_VERSION, of }
end

-- Forgets what has expired, a little at a time.
local function prune()
  local gone = redis.call('ZRANGEBYSCORE', EXPIRY, '-inf', '(' .. digits(now), 'LIMIT', 0, 200)
  if #gone > 0 then
    redis.call('HDEL', SET, unpack(gone))
    redis.call('ZREM', EXPIRY, unpack(gone))
  end
  gone = redis.call('ZRANGEBYSCORE', AGES, '-inf', '(' .. digits(now - 4500000), 'LIMIT', 0, 200)
  if #gone == 0 and redis.call('ZCARD', AGES) > 100000 then
    gone = redis.call('ZRANGE', AGES, 0, 9)
  end
  if #gone > 0 then
    redis.call('HDEL', OPS, unpack(gone))
    redis.call('ZREM', AGES, unpack(gone))
  end
  -- The newest change is never trimmed.
  local old = now - (tonumber(meta('keep')) or MAX)
  local function is_old(entry)
    for n = 1, #entry[2], 2 do
      if entry[2][n] == 't' then return (tonumber(entry[2][n + 1]) or 0) < old end
    end
    return true
  end
  local oldest = redis.call('XRANGE', LOG, '-', '+', 'COUNT', 1)[1]
  if oldest and is_old(oldest) then
    local first
    for _, entry in ipairs(redis.call('XRANGE', LOG, '-', '+', 'COUNT', 200)) do
      first = entry[1]
      if not is_old(entry) then break end
    end
    redis.call('XTRIM', LOG, 'MINID', first)
  end
  -- Whoever is further behind reads the set.
  redis.call('XTRIM', LOG, 'MAXLEN', '~', 100000)
end
