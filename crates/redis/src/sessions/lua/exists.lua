#!lua flags=allow-oom
-- How long a key lasts: -2 if it is not there, -1 if without end. Not declared free of writes, so that a replica
-- refuses, and an isolated primary that may not write: what they have may be over. A full server answers.
return math.min(redis.call('PTTL', KEYS[1]), 9007199254740991)
