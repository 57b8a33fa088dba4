-- Reads a part of the set, in the order of expiry, and of ids where that is the same. An expiry only ever
-- moves back, so an id that moves is met later; the order is the same on every server.
local score, id, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])

if meta('epoch') == '' then return { NO_EPOCH } end

local first = 0
if score ~= '' then
  local low = redis.call('ZCOUNT', EXPIRY, '-inf', '(' .. score)
  local high = low + redis.call('ZCOUNT', EXPIRY, score, score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if redis.call('ZRANGE', EXPIRY, middle, middle)[1] > id then
      high = middle
    else
      low = middle + 1
    end
  end
  first = low
end

local page = redis.call('ZRANGE', EXPIRY, first, first + limit - 1, 'WITHSCORES')
local entries, cursor = {}, ''
for n = 1, #page, 2 do
  table.insert(entries, page[n])
  table.insert(entries, redis.call('HGET', SET, page[n]) or '')
end
if #page == 2 * limit then
  cursor = digits(tonumber(page[#page])) .. ' ' .. page[#page - 1]
end
return { OK, meta('epoch'), tonumber(meta('seq')) or 0, meta('mark'), cursor, entries }
