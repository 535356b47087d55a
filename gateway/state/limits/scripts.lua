-- Limits in Redis. Each script below the line of dashes that names it is sent with what stands above the first one.
-- A part of a lease: {key, measure, place, reserved, length of the ring}. Measures: 0 requests, 1 tokens (both windows),
-- 2 parallel (a gauge), 3 money (a purse).
-- The first write of reserve and settle takes something away: Redis then lets the others pass even where it is full.

local function clock(given)
  if given > 0 then return given end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- A window: t what counts, l the last slot, and the slots by their place in the ring.
local function move(key, now, width, ring)
  local slot = math.floor(now / width)
  local had = redis.call('HMGET', key, 't', 'l')
  local total, last = tonumber(had[1]) or 0, tonumber(had[2]) or 0
  if slot <= last then return total, last end
  if slot - last >= ring then
    redis.call('DEL', key)
    total = 0
  elseif total > 0 then
    local places = {}
    for old = last + 1, slot do places[#places + 1] = old % ring end
    for _, value in ipairs(redis.call('HMGET', key, unpack(places))) do
      total = total - (tonumber(value) or 0)
    end
    redis.call('HDEL', key, unpack(places))
  end
  redis.call('HSET', key, 't', total, 'l', slot)
  redis.call('PEXPIRE', key, width * (ring + 1))
  return total, slot
end

local function until_freed(key, over, last, width, ring, now)
  local places = {}
  for slot = last - ring + 1, last do places[#places + 1] = slot % ring end
  for index, value in ipairs(redis.call('HMGET', key, unpack(places))) do
    over = over - (tonumber(value) or 0)
    if over <= 0 then return (last + index) * width - now end
  end
  return 2^53
end

-- A purse: p its period, h what calls in progress hold, s what is spent, d whether somebody was told so.
local function open_purse(key, period, over, now)
  local had = redis.call('HMGET', key, 'p', 'h', 's')
  if had[1] and tonumber(had[1]) >= period then
    return tonumber(had[1]), tonumber(had[2]), tonumber(had[3])
  end
  redis.call('DEL', key)
  redis.call('HSET', key, 'p', period, 'h', 0, 's', 0)
  if over < 2^53 then redis.call('PEXPIRE', key, over - now + 86400000) end
  return period, 0, 0
end

local function add(part, amount)
  local key, measure, place, ring = part[1], part[2], part[3], part[5]
  if amount == 0 then return end
  if measure == 2 then
    if redis.call('HINCRBY', key, 'u', amount) <= 0 then redis.call('DEL', key) end
  elseif measure == 3 then
    if tonumber(redis.call('HGET', key, 'p') or -1) == place then redis.call('HINCRBY', key, 'h', amount) end
  else
    local last = tonumber(redis.call('HGET', key, 'l') or -1)
    if last >= 0 and place > last - ring then
      redis.call('HINCRBY', key, place % ring, amount)
      redis.call('HINCRBY', key, 't', amount)
    end
  end
end

-- Gives what is spent before and after, where a purse is spent from.
local function spend(part, amount)
  if part[2] ~= 3 or tonumber(redis.call('HGET', part[1], 'p') or -1) ~= part[3] then return 0, 0 end
  local after = redis.call('HINCRBY', part[1], 's', amount)
  return after - amount, after
end

-- A worker that shows no sign of life: what its calls hold is given back; requests were made and stay.
local function bury(workers, base, now)
  local dead = redis.call('ZRANGEBYSCORE', workers, '-inf', now, 'LIMIT', 0, 1)[1]
  if not dead then return end
  local leases, gone = base .. 'leases:' .. dead, base .. 'gone:' .. dead
  local all = redis.call('HGETALL', leases)
  for index = 1, #all, 2 do
    for _, part in ipairs(cmsgpack.unpack(all[index + 1])) do
      if part[2] > 0 then add(part, -part[4]) end
    end
    redis.call('HSET', gone, all[index], all[index + 1])
  end
  if #all > 0 then redis.call('PEXPIRE', gone, 3600000) end
  redis.call('DEL', leases)
  redis.call('ZREM', workers, dead)
end

-------- reserve
-- KEYS: workers, the worker's leases, its void ids, then the buckets.
-- Gives 1, the time, and of each bucket what is used and spent; or 0, the bucket's index, used, spent, wait, first.
local base, worker, id, given, patience, buckets = unpack(cmsgpack.unpack(ARGV[1]))
local now = clock(given)
bury(KEYS[1], base, now)
if redis.call('SREM', KEYS[3], id) == 1 then return {-1} end
if not redis.call('ZSCORE', KEYS[1], worker) then redis.call('ZADD', KEYS[1], now + patience, worker) end
local states, refusal = {}, nil
for index, bucket in ipairs(buckets) do
  local measure, asked, most = bucket[1], bucket[2], bucket[3]
  local key, wait, used, spent, place = KEYS[index + 3], 0, 0, 0, 0
  if measure == 2 then
    used = tonumber(redis.call('HGET', key, 'u') or 0)
    if used + asked > most then wait = 1000 end
  elseif measure == 3 then
    local held
    place, held, spent = open_purse(key, bucket[4], bucket[5], now)
    used = spent + held
    if used + asked > most then
      if spent + asked <= most then
        wait = 1000
      elseif asked <= most and bucket[5] < 2^53 then
        wait = math.max(1, bucket[5] - now)
      else
        wait = 2^53
      end
    end
  else
    used, place = move(key, now, bucket[4], bucket[5])
    if used + asked > most then
      wait = asked <= most and until_freed(key, used + asked - most, place, bucket[4], bucket[5], now) or 2^53
    end
  end
  states[index] = {place, used, spent}
  if wait > 0 and (not refusal or wait > refusal[5]) then refusal = {0, index - 1, used, spent, wait, 0} end
end
if refusal then
  local bucket, spent = buckets[refusal[2] + 1], refusal[4]
  if bucket[1] == 3 and spent + bucket[2] > bucket[3] and bucket[2] <= bucket[3] then
    refusal[6] = redis.call('HSETNX', KEYS[refusal[2] + 4], 'd', 1)
  end
  return refusal
end
local parts, answer = {}, {1, now}
for index, bucket in ipairs(buckets) do
  local measure, asked = bucket[1], bucket[2]
  local ring = measure < 2 and bucket[5] or 0
  parts[index] = {KEYS[index + 3], measure, states[index][1], asked, ring}
  add(parts[index], asked)
  answer[#answer + 1] = states[index][2] + asked
  answer[#answer + 1] = states[index][3]
end
redis.call('HSET', KEYS[2], id, cmsgpack.pack(parts))
return answer

-------- settle
-- KEYS: workers, the worker's leases, its void ids. Of each settlement: the id, what becomes of it, the amounts by
-- measure. Gives, for each purse that was spent from: the settlement's index, the part's index, before, after.
-- A void one whose reservation has not come is noted, so that it holds nothing when it does.
local told = {}

-- What was given back, because its worker seemed dead, is not given back again.
local function settle(index, parts, late, amounts)
  for at, part in ipairs(parts) do
    local measure, used = part[2], amounts[part[2] + 1]
    if not late then
      add(part, measure == 3 and -part[4] or used - part[4])
    elseif measure == 1 then
      add(part, used)
    end
    local before, after = spend(part, measure == 3 and used or 0)
    if after > before then
      for _, number in ipairs({index - 1, at - 1, before, after}) do told[#told + 1] = number end
    end
  end
end

local function release(id, packed)
  if not packed then return end
  local parts = cmsgpack.unpack(packed)
  for _, part in ipairs(parts) do
    if part[2] == 2 then
      add(part, -part[4])
      part[4] = 0
    end
  end
  redis.call('HSET', KEYS[2], id, cmsgpack.pack(parts))
end

local base, worker, settlements = unpack(cmsgpack.unpack(ARGV[1]))
local gone = base .. 'gone:' .. worker
for index, settlement in ipairs(settlements) do
  local id, what, amounts = unpack(settlement)
  local packed = redis.call('HGET', KEYS[2], id)
  if what == 'release' then
    release(id, packed)
  else
    local late = not packed and redis.call('HGET', gone, id)
    redis.call('HDEL', packed and KEYS[2] or gone, id)
    settle(index, cmsgpack.unpack(packed or late or '\144'), late, amounts)
    if what == 'void' and not packed then
      redis.call('SADD', KEYS[3], id)
      redis.call('PEXPIRE', KEYS[3], 300000)
    end
  end
end
return told

-------- renew
-- KEYS: workers, the worker's leases. What was given back while the worker showed no sign of life is held again.
local base, worker, given, patience = unpack(cmsgpack.unpack(ARGV[1]))
redis.call('ZADD', KEYS[1], clock(given) + patience, worker)
local gone = base .. 'gone:' .. worker
local all = redis.call('HGETALL', gone)
for index = 1, #all, 2 do
  for _, part in ipairs(cmsgpack.unpack(all[index + 1])) do
    if part[2] > 0 then add(part, part[4]) end
  end
  redis.call('HSET', KEYS[2], all[index], all[index + 1])
end
redis.call('DEL', gone)
return #all / 2

-------- leave
-- KEYS: workers, the worker's leases. A worker ends: it needs no burial where it holds nothing.
local base, worker = unpack(cmsgpack.unpack(ARGV[1]))
if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('ZREM', KEYS[1], worker) end
return 1
