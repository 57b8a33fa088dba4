-- Brings back records that the log may have lost.
local chance, channel = unpack(ARGV, 1, 2)

local ids, records = {}, {}
for n = 3, #ARGV, 2 do
  local record = parse(ARGV[n + 1])
  if not record then return { MALFORMED, 0 } end
  table.insert(ids, ARGV[n])
  table.insert(records, record)
end
local of = unreadable(ids)
if of then return refusal(of) end

beat()
local news = false
for n, id in ipairs(ids) do
  local text, changed = put(id, records[n])
  if changed then
    log(id, text, chance, n)
    news = true
  end
  stamp = math.min(math.max(stamp, records[n].stamp), MAX)
end
finish()
if news then redis.pcall('PUBLISH', channel, '') end
return { OK }
