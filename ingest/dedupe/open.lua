-- ARGV: the key that is there while this rebuild is under way, whether it was
-- made, the mark of an older version, the mark's value and ttl.
if ARGV[2] == '1' and redis.call('DEL', ARGV[1]) == 0 then return redis.error_reply('LOST the rows before') end
redis.call('UNLINK', ARGV[3])
redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
return 1
