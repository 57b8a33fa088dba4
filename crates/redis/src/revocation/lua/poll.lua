-- Reads what follows an anchor. Carries a write: an isolated primary that cannot write must not answer.
local epoch, lifetime, keep, floor, anchor, limit = unpack(ARGV, 1, 6)

beat()
begin(epoch, lifetime, keep, floor)
finish()
prune()

local claims = {}
for n = 7, #ARGV, 2 do
  table.insert(claims, { fingerprint = ARGV[n], since = tonumber(ARGV[n + 1]) })
end
local known = tell_secrets(claims)
local secrets = {}
for fingerprint, secret in pairs(known) do
  table.insert(secrets, fingerprint)
  table.insert(secrets, secret.since)
  table.insert(secrets, secret.told)
end

local changes = {}
if anchor ~= '' then
  changes = redis.call('XRANGE', LOG, anchor .. '-0', '+', 'COUNT', limit)
end
return {
  OK, meta('epoch'), seq, meta('mark'), stamp, now, tonumber(meta('horizon')) or 0,
  redis.call('INFO', 'replication') .. redis.call('INFO', 'memory'), secrets, changes,
}
