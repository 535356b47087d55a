"""The Lua that runs inside Redis for `shared.py`: each on one key, each atomic."""

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

_SPLIT = """
local function split(value)
  local ends, openings = string.match(value, '^(%-?%d+) (%-?%d+)$')
  return tonumber(ends), tonumber(openings)
end
"""

OPEN = (
    _NOW
    + _SPLIT
    + """
-- id, milliseconds of rest, openings: the longest rest counts.
local ends = now + tonumber(ARGV[2])
local old = redis.call('HGET', KEYS[1], ARGV[1])
if old then
  local old_ends, old_openings = split(old)
  if old_openings >= 0 and old_ends >= ends then return 0 end
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %s', ends, ARGV[3]))
redis.call('PEXPIRE', KEYS[1], 86400000)
return 1
"""
)

CLOSE = (
    _NOW
    + """
-- id: it stays there as closed for a while, so that all hear of it.
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f -1', now))
redis.call('PEXPIRE', KEYS[1], 86400000)
"""
)

READ = (
    _NOW
    + _SPLIT
    + """
-- Of each: id, milliseconds that are left (below 0: half open), openings (-1: closed).
local told = {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local ends, openings = split(all[i + 1])
  local kept = openings < 0 and 10000 or 600000
  if now - ends > kept then
    redis.call('HDEL', KEYS[1], all[i])
  else
    told[#told + 1] = all[i]
    told[#told + 1] = ends - now
    told[#told + 1] = openings
  end
end
return told
"""
)

REST = (
    _NOW
    + """
-- milliseconds of rest: no probe is granted before it is over, also to those who have not heard of it yet.
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'rest', string.format('%.0f', now + tonumber(ARGV[1])))
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[1]) + 60000)
"""
)

CLAIM = (
    _NOW
    + """
-- name, how many at once, milliseconds after which one is taken for lost.
local all = redis.call('HGETALL', KEYS[1])
local under_way = 0
for i = 1, #all, 2 do
  local over = tonumber(all[i + 1]) <= now
  if all[i] == 'rest' then
    if not over then return 0 end
  elseif all[i] ~= 'successes' then
    if over then redis.call('HDEL', KEYS[1], all[i]) else under_way = under_way + 1 end
  end
end
if under_way >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now + tonumber(ARGV[3])))
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[3]) * 2)
return 1
"""
)

RELEASE = """
-- name, 1 for a success, milliseconds that successes are remembered; gives how many there were.
redis.call('HDEL', KEYS[1], ARGV[1])
if ARGV[2] == '0' then return 0 end
local successes = redis.call('HINCRBY', KEYS[1], 'successes', 1)
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[3]) * 2)
return successes
"""

MINUTES = """
-- id, requests, tokens of each; gives requests and tokens of the last 60 s of each, over all who count.
local time = redis.call('TIME')
local minute = math.floor(time[1] / 60)
local left = 1 - (time[1] % 60) / 60
local told = {}
for i = 1, #ARGV, 3 do
  for offset, class in ipairs({'requests', 'tokens'}) do
    local amount = tonumber(ARGV[i + offset])
    local name = ARGV[i] .. ':' .. class .. ':'
    local current = redis.call('HINCRBY', KEYS[1], name .. minute, amount)
    local past = tonumber(redis.call('HGET', KEYS[1], name .. (minute - 1)) or '0')
    redis.call('HDEL', KEYS[1], name .. (minute - 2))
    told[#told + 1] = math.floor(current + past * left)
  end
end
redis.call('PEXPIRE', KEYS[1], 180000)
return told
"""
