-- id: cache-level-unpaying
-- title: A level of the cache costs more than it saves
-- severity: medium
-- cause: cache
-- needs: events:cache_operation
-- meaning: Levels in the order of their names (L1, L2, …). A level takes the time of its lookups and of what
--   is put into and dropped from it; a hit saves what the levels behind it would have taken, as they
--   took after its misses. The last level is not judged: what lies behind it says nothing. Only the
--   later half of the session counts, and only levels that answer less than a third of what they are
--   asked: a full cache pays in other ways too.
-- impact: Every lookup that passes through it is slower than it would be without this level.
-- message: Level {level} answered {hit_percent} of {lookups_count} lookups: it took {cost_ms} in all and saved
--   {saved_ms} of the time of the levels behind it.
-- recommendation: Leave the level out, or give it what the others have not: other keys, or far more places than the
--   level before it has.
-- recommendation: See what it holds and for how long: `perfkit query {session} "SELECT labels['level'] AS level,
--   labels['operation'] AS operation, count(*), avg(numbers['response_ms']) FROM events
--   WHERE type = 'cache_operation' GROUP BY ALL ORDER BY ALL"`.
WITH said AS (
    SELECT t_ns, coalesce(labels['operation'], 'get') AS operation, labels['level'] AS level,
           numbers['hit'] > 0 AS found, coalesce(numbers['response_ms'], duration_ms) AS took_ms
    FROM events WHERE type = 'cache_operation' AND labels['level'] IS NOT NULL
), later AS (
    SELECT operation, level, found, took_ms FROM said WHERE t_ns >= (SELECT median(t_ns) FROM said)
), levels AS (
    SELECT level, count(found) FILTER (WHERE operation = 'get') AS lookups_count,
           count(*) FILTER (WHERE operation = 'get' AND found) AS hits_count,
           sum(took_ms) FILTER (WHERE operation = 'get') AS lookups_ms,
           sum(took_ms) AS cost_ms,
           avg(took_ms) FILTER (WHERE operation = 'get' AND found) AS hit_ms
    FROM later GROUP BY level
), behind AS (
    SELECT level, lookups_count, hits_count, cost_ms, lookups_ms, hit_ms,
           sum(lookups_ms) OVER (ORDER BY level ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
               / nullif(lookups_count - hits_count, 0) AS behind_ms
    FROM levels
), judged AS (
    SELECT level, lookups_count, hits_count / lookups_count AS hits, cost_ms,
           hits_count * behind_ms AS saved_ms
    FROM behind
    WHERE lookups_count >= 50 AND behind_ms IS NOT NULL
)
SELECT level, 100 * hits AS hit_percent, lookups_count, cost_ms, saved_ms
FROM judged
WHERE hits < 0.33 AND cost_ms > saved_ms
ORDER BY cost_ms - saved_ms DESC, level
LIMIT 1
