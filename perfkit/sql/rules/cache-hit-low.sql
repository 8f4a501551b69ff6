-- id: cache-hit-low
-- title: The cache seldom has what is asked for
-- severity: medium
-- cause: cache
-- needs: events:cache_operation
-- meaning: The share of all lookups that found something, over the whole session and over its later half,
--   so that a cache which had to be filled first is none. Below the threshold cache_hit.warning (0.8)
--   it is told, below cache_hit.critical (0.6) it is severe.
-- impact: Each miss pays for the lookup and for what the cache is there to avoid.
-- message: {hit_percent} of {lookups_count} lookups found something ({later_percent} in the later half), below
--   the mark of {mark_percent}; level {worst_level} missed most, {worst_misses_count} times, and {evictions_count} entries were evicted.
-- message: {hit_percent} of {lookups_count} lookups found something ({later_percent} in the later half), below
--   the mark of {mark_percent}; {evictions_count} entries were evicted.
-- recommendation: See each level: `perfkit query {session} "SELECT label_value AS level, count, mean AS hit_ratio
--   FROM event_metrics WHERE type = 'cache_operation' AND metric = 'hit' AND label = 'level'"`.
-- recommendation: If it evicts much, it is too small for what is asked in turn: make it larger, or keep large and
--   rare entries out of it.
-- recommendation: If it evicts little, entries expire too early, are invalidated too broadly, or keys differ
--   where they mean the same (a timestamp or an order of parameters in the key).
WITH said AS (
    SELECT t_ns, coalesce(labels['operation'], 'get') AS operation, labels['level'] AS level,
           numbers['hit'] AS hit
    FROM events WHERE type = 'cache_operation'
), lookups AS (
    SELECT t_ns, level, (hit > 0)::INT AS found FROM said WHERE operation = 'get' AND hit IS NOT NULL
), halves AS (
    SELECT t_ns, found, t_ns >= (SELECT median(t_ns) FROM lookups) AS later FROM lookups
), totals AS (
    SELECT count(*) AS lookups_count, avg(found) AS hits, avg(found) FILTER (WHERE later) AS later_hits
    FROM halves
), worst AS (
    SELECT level AS worst_level, count(*) AS worst_misses_count
    FROM lookups WHERE NOT found AND level IS NOT NULL
    GROUP BY level ORDER BY count(*) DESC, level LIMIT 1
), evicted AS (
    SELECT count(*) AS evictions_count FROM said WHERE operation LIKE 'evict%'
)
SELECT CASE WHEN hits < cache_hit_critical THEN 'high' ELSE 'medium' END AS severity,
       100 * hits AS hit_percent, 100 * later_hits AS later_percent,
       100 * cache_hit_warning AS mark_percent, lookups_count, worst_level, worst_misses_count,
       evictions_count
FROM totals CROSS JOIN evicted CROSS JOIN thresholds LEFT JOIN worst ON true
WHERE lookups_count >= 20 AND hits < cache_hit_warning AND later_hits < cache_hit_warning
