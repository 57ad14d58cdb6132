"""The operations that Redis must do in one piece, as Lua; each names all its keys, so that a cluster can run it."""

import hashlib
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Script:
    """A script and the hash by which a server that has seen it knows it."""

    source: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        # SHA-1 is Redis' name for a script, not a protection.
        object.__setattr__(self, "sha", hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest())


# A first version comes from the server's clock: it never comes back after a deletion or an expiry, and as a double
# it is exact. %.0f prints it without an exponent.
_WRITE: Final = """
local function write(key, n, has, value, ttl)
  if has == '0' then redis.call('DEL', key) return end
  local following
  if n == '0' then
    local t = redis.call('TIME')
    following = tonumber(t[1]) * 1000000 + tonumber(t[2])
  else
    following = tonumber(n) + 1
  end
  redis.call('HSET', key, 'v', value, 'n', string.format('%.0f', following))
  redis.call('PEXPIRE', key, ttl)
end
"""

# A counter lives from its first addition; a missing expiry (-1) is set, whatever took it away.
_ADD: Final = """
local sum = redis.call('INCRBY', KEYS[1], ARGV[1])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
"""

CLAIM: Final = Script("""
local owner = redis.call('GET', KEYS[1])
if owner then return owner end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
""")

RELEASE: Final = Script("""
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
""")

RENEW: Final = Script("""
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
""")

OPEN: Final = Script("""
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return false end
return redis.call('HMGET', KEYS[2], 'v', 'n')
""")

STORE: Final = Script(
    _WRITE
    + """
local n = redis.call('HGET', KEYS[1], 'n') or '0'
if n ~= ARGV[1] then return 0 end
write(KEYS[1], n, ARGV[2], ARGV[3], ARGV[4])
return 1
"""
)

SHUT: Final = Script(
    _WRITE
    + """
if redis.call('GET', KEYS[1]) ~= ARGV[5] then return 0 end
redis.call('DEL', KEYS[1])
local n = redis.call('HGET', KEYS[2], 'n') or '0'
if n ~= ARGV[1] then return 0 end
write(KEYS[2], n, ARGV[2], ARGV[3], ARGV[4])
return 1
"""
)

COUNT: Final = Script(_ADD + "return sum")

ALLOW: Final = Script(
    """
if tonumber(redis.call('GET', KEYS[1]) or '0') + tonumber(ARGV[1]) > tonumber(ARGV[3]) then return 0 end
"""
    + _ADD
    + "return 1"
)

TAKE: Final = Script("""
local value = redis.call('GET', KEYS[1])
if value then redis.call('DEL', KEYS[1]) end
return value
""")
