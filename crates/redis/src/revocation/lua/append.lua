-- Appends changes, all or none, and once.
local epoch, lifetime, keep, floor, op, chance, channel, secrets = unpack(ARGV, 1, 8)
local edits = 9 + tonumber(secrets)

local ids = {}
for n = edits, #ARGV, 4 do table.insert(ids, ARGV[n]) end
local of = unreadable(ids)
if of then return refusal(of) end

beat()
begin(epoch, lifetime, keep, floor)
prune()

-- The beat was written on this connection, so whoever waits for replicas waits for the first time, too.
local done = redis.call('HGET', OPS, op)
if not done then
  -- Whoever writes before it polls tells what it uses, too.
  local under, claims = {}, {}
  for n = 9, edits - 1 do
    under[ARGV[n]] = true
    table.insert(claims, { fingerprint = ARGV[n] })
  end
  for fingerprint, secret in pairs(tell_secrets(claims)) do
    if not under[fingerprint] then
      secret.since = math.max(secret.since, now)
      note_secret(fingerprint, secret)
    end
  end

  local latest = now + tonumber(meta('keep'))
  local answers = {}
  for n = edits, #ARGV, 4 do
    local id, kind, state, expires = unpack(ARGV, n, n + 3)
    stamp = math.min(math.max(stamp + 1, micros), MAX)
    local text = put(id, {
      kind = kind, state = state, stamp = stamp, at = state == 'r' and now or 0,
      expires = math.min(tonumber(expires) or latest, latest),
    })
    log(id, text, chance, n)
    table.insert(answers, id .. ' ' .. text)
  end
  done = table.concat(answers, '\n')
  redis.call('HSET', OPS, op, done)
  redis.call('ZADD', AGES, digits(now), op)
  redis.pcall('PUBLISH', channel, '')
end
finish()
return { OK, redis.call('INFO', 'replication'), done }
