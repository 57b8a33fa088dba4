-- Since when every change was written under a secret, and when a node last told that it uses it.

local MOST_SECRETS = 16

local function secrets_known()
  local known, count = {}, 0
  local all = redis.call('HGETALL', SECRETS)
  for n = 1, #all, 2 do
    local since, told = string.match(all[n + 1], '^(%d+) (%d+)$')
    known[all[n]] = { since = tonumber(since) or now, told = tonumber(told) or 0 }
    count = count + 1
  end
  return known, count
end

local function note_secret(fingerprint, secret)
  redis.call('HSET', SECRETS, fingerprint, digits(secret.since) .. ' ' .. digits(secret.told))
end

-- A node tells which secrets it uses: fingerprint, and since when if it was told before.
local function tell_secrets(claims)
  local known, count = secrets_known()
  local first = count == 0
  for _, claim in ipairs(claims) do
    local secret = known[claim.fingerprint]
    if not secret then
      if count >= MOST_SECRETS then
        local oldest
        for other, of in pairs(known) do
          if not oldest or of.told < known[oldest].told then oldest = other end
        end
        known[oldest] = nil
        redis.call('HDEL', SECRETS, oldest)
        count = count - 1
      end
      secret = { since = claim.since or (first and 0 or now), told = 0 }
      known[claim.fingerprint] = secret
      count = count + 1
    end
    secret.told = math.max(secret.told, now)
    note_secret(claim.fingerprint, secret)
  end
  return known
end
