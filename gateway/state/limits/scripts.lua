-- Limits in Redis. Each script below the line of dashes that names it is sent with what stands above the first one.
-- A part of a lease: {key, measure, place, reserved, length of the ring or birth of the purse, bucket's index}.
-- Measures: 0 requests, 1 tokens (both windows), 2 parallel (a gauge), 3 money (a purse).
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

-- The era: i its name, t when it began, n purses that began in it. Another one begins where Redis has lost something:
-- all of it, or, with a restart or another server, what was written last. `new` is said by a server without the script.
local function era_of(base, named, now, new)
  local era = redis.call('HGET', base .. 'era', 'i')
  if era and not new then return era end
  redis.call('DEL', base .. 'era', base .. 'openings')
  redis.call('HSET', base .. 'era', 'i', named, 't', now, 'n', 0)
  return named
end

-- A purse: p its period, h what calls in progress hold, s what is spent, d whether somebody was told so, b its birth,
-- e its era. Where there is a ledger, one without s is not open yet; without a ledger there are no eras.
local function find_purse(base, key, period, over, now, era, birth)
  local had = redis.call('HMGET', key, 'p', 'h', 's', 'b', 'e')
  local known = had[1] and (not era or had[5] == era)
  if known and tonumber(had[1]) >= period then
    return tonumber(had[1]), tonumber(had[2]), tonumber(had[3] or nil), had[4] or ''
  end
  redis.call('DEL', key)
  redis.call('HSET', key, 'p', period, 'h', 0, 'b', birth)
  if over < 2^53 then redis.call('PEXPIRE', key, over - now + 86400000) end
  if era then redis.call('HSET', key, 'e', era) end
  if not era or (known and had[3]) then
    redis.call('HSET', key, 's', 0)
    return period, 0, 0, birth
  end
  redis.call('ZADD', base .. 'openings', redis.call('HINCRBY', base .. 'era', 'n', 1), key)
  return period, 0, nil, birth
end

local function is_born(part)
  local had = redis.call('HMGET', part[1], 'p', 'b')
  return tonumber(had[1] or -1) == part[3] and (had[2] or '') == part[5]
end

local function add(part, amount)
  local key, measure, place, ring = part[1], part[2], part[3], part[5]
  if amount == 0 then return end
  if measure == 2 then
    if redis.call('HINCRBY', key, 'u', amount) <= 0 then redis.call('DEL', key) end
  elseif measure == 3 then
    if is_born(part) then redis.call('HINCRBY', key, 'h', amount) end
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
  if part[2] ~= 3 or not is_born(part) then return 0, 0 end
  if redis.call('HEXISTS', part[1], 's') == 0 then
    redis.call('HINCRBY', part[1], 'o', amount)
    return 0, 0
  end
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
-- Gives 1, the time, and of each bucket what is used and spent; or 0, the bucket's index, used, spent, wait, first; or
-- -2 and the indices of purses that are not open yet.
local base, worker, id, given, patience, buckets, ledger = unpack(cmsgpack.unpack(ARGV[1]))
local now = clock(given)
bury(KEYS[1], base, now)
if redis.call('SREM', KEYS[3], id) == 1 then return {-1} end
local birth = worker .. ':' .. id
local era = ledger and era_of(base, birth, now, ARGV[2])
local shut, births = {-2}, {}
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
    place, held, spent, births[index] = find_purse(base, key, bucket[4], bucket[5], now, era, birth)
    if not spent then
      shut[#shut + 1], spent = index - 1, 0
    end
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
if #shut > 1 then return shut end
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
  local ring = measure < 2 and bucket[5] or births[index] or 0
  parts[index] = {KEYS[index + 3], measure, states[index][1], asked, ring, index}
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
  for _, part in ipairs(parts) do
    local measure, used = part[2], amounts[part[2] + 1]
    if not late then
      add(part, measure == 3 and -part[4] or used - part[4])
    elseif measure == 1 then
      add(part, used)
    end
    local before, after = spend(part, measure == 3 and used or 0)
    if after > before then
      for _, number in ipairs({index - 1, part[6] - 1, before, after}) do told[#told + 1] = number end
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
  redis.call('HSETNX', KEYS[2], all[index], all[index + 1])
end
redis.call('DEL', gone)
return #all / 2

-------- leave
-- KEYS: workers, the worker's leases. A worker ends: it needs no burial where it holds nothing.
local base, worker = unpack(cmsgpack.unpack(ARGV[1]))
if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('ZREM', KEYS[1], worker) end
return 1

-------- watch
-- KEYS: workers. Gives the era, and of purses that began in it after the last one seen: which is the last of these,
-- and of each key, birth, period and whether it is still shut.
local base, named, given, seen_era, seen = unpack(cmsgpack.unpack(ARGV[1]))
redis.call('ZREM', KEYS[1], '')
local era = era_of(base, named, clock(given), ARGV[2])
local last = era == seen_era and seen or 0
local answer = {era, last}
local found = redis.call('ZRANGEBYSCORE', base .. 'openings', '(' .. last, '+inf', 'WITHSCORES', 'LIMIT', 0, 500)
for index = 1, #found, 2 do
  local had = redis.call('HMGET', found[index], 'p', 'b', 'e', 's')
  answer[2] = tonumber(found[index + 1])
  if had[3] == era then
    for _, each in ipairs({found[index], had[2], tonumber(had[1]), had[4] and 0 or 1}) do answer[#answer + 1] = each end
  end
end
return answer

-------- join
-- KEYS: the purse, the worker's leases. A worker has written what is over, and its other calls hold money
-- in the purse: {lease, amount, bucket's index}. `under` tells the ledger which they are.
local worker, birth, period, under, calls = unpack(cmsgpack.unpack(ARGV[1]))
local key = KEYS[1]
redis.call('HDEL', KEYS[2], '')
if redis.call('HGET', key, 'b') ~= birth then return 0 end
for _, call in ipairs(calls) do
  local id, amount, index = unpack(call)
  local parts = cmsgpack.unpack(redis.call('HGET', KEYS[2], id) or '\144')
  local at = #parts + 1
  for each, part in ipairs(parts) do
    if part[1] == key then at = each end
  end
  if not (parts[at] and parts[at][5] == birth) then
    parts[at] = {key, 3, period, amount, birth, index}
    add(parts[at], amount)
    redis.call('HSET', KEYS[2], id, cmsgpack.pack(parts))
  end
end
if redis.call('HEXISTS', key, 's') == 0 then
  redis.call('HSET', key .. ':joined', worker, under)
  redis.call('PEXPIRE', key .. ':joined', 3600000)
end
return 1

-------- look
-- KEYS: the purse, workers. Gives -1 where it is lost, 0 where it is open, 1 and milliseconds to wait; or 2, birth,
-- period, and what each worker said: everybody who may have calls under way has joined.
local base, given, settling = unpack(cmsgpack.unpack(ARGV[1]))
local now = clock(given)
local had = redis.call('HMGET', KEYS[1], 'p', 's', 'b', 'e')
local era = redis.call('HMGET', base .. 'era', 'i', 't')
if not had[1] or had[4] ~= era[1] then return {-1} end
if had[2] then return {0} end
local rest = tonumber(era[2]) + settling - now
if rest > 0 then return {1, rest} end
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. now, '+inf')) do
  if redis.call('HEXISTS', KEYS[1] .. ':joined', worker) == 0 then return {1, 20} end
end
local answer = {2, had[3], tonumber(had[1])}
for _, under in ipairs(redis.call('HVALS', KEYS[1] .. ':joined')) do answer[#answer + 1] = under end
return answer

-------- open
-- KEYS: the purse. Whoever is first says what was spent; what calls spent in the meantime is added.
local birth, spent = unpack(cmsgpack.unpack(ARGV[1]))
redis.call('HDEL', KEYS[1], '')
local had = redis.call('HMGET', KEYS[1], 'b', 's', 'o')
if had[1] ~= birth or had[2] then return 0 end
redis.call('HSET', KEYS[1], 's', spent)
if had[3] then redis.call('HINCRBY', KEYS[1], 's', had[3]) end
redis.call('DEL', KEYS[1] .. ':joined')
return 1
