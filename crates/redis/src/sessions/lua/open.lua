#!lua
-- Opens a session that ends at a time, or without end; not if whoever asked has given up by now.
local latest, ends = unpack(ARGV)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now > tonumber(latest) then return 0 end
if ends == '' then
  redis.call('SET', KEYS[1], '')
elseif tonumber(ends) > now then
  redis.call('SET', KEYS[1], '', 'PXAT', ends)
else
  redis.call('DEL', KEYS[1])
end
return 1
