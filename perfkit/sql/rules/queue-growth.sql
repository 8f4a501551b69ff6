-- id: queue-growth
-- title: A queue keeps growing
-- severity: medium
-- cause: queue
-- needs: events
-- meaning: Gauges whose name speaks of a queue, a backlog or what is pending, and the time tasks waited
--   for a worker. The time in which a queue was told is cut into eight stretches of equal length, its
--   last twentieth left out (whoever ends drains first); growth counts only if the median rises in six
--   of seven steps, at the end too, and at least doubles. A queue that comes and goes, or that fills
--   and then stays, is none.
-- impact: What comes in faster than it goes out waits longer and longer, and ends in time-outs or in memory.
-- message: {queue} grew from {first_count} to {last_count} in {watched_s}, in {rising_count} of 7 steps and still at the end.
-- message: {queue} grew from {first_ms} to {last_ms} in {watched_s}, in {rising_count} of 7 steps and still at the end.
-- recommendation: Compare what comes in with what goes out: `perfkit query {session} "SELECT type, t_ns // 5000000000 * 5 AS from_s,
--   count(*) FROM events GROUP BY ALL ORDER BY ALL"`.
-- recommendation: Bound the queue, so that those who ask learn early that there is no room; then add workers or make
--   tasks cheaper.
WITH told AS (
    SELECT labels['name'] AS queue, t_ns, numbers['value'] AS amount, false AS is_time
    FROM events
    WHERE type = 'gauge' AND regexp_matches(lower(labels['name']), 'queue|backlog|pending')
    UNION ALL
    SELECT 'the time that tasks wait for a worker', t_ns, numbers['queue_ms'], true
    FROM events WHERE type = 'worker_task_completed'
), extent AS (
    SELECT queue, min(t_ns) AS from_ns, min(t_ns) + 0.95 * (max(t_ns) - min(t_ns)) AS until_ns
    FROM told WHERE amount >= 0 GROUP BY queue
), stretches AS (
    SELECT queue, is_time, least(7, floor(8 * (t_ns - from_ns) / (until_ns - from_ns)))::INTEGER AS stretch,
           median(amount) AS level, count(*) AS told_count, any_value(until_ns - from_ns) / 1e9 AS watched_s
    FROM told JOIN extent USING (queue)
    WHERE amount >= 0 AND t_ns <= until_ns AND until_ns - from_ns >= 10e9
    GROUP BY queue, is_time, stretch
), steps AS (
    SELECT queue, is_time, stretch, level, told_count, watched_s,
           level - lag(level) OVER (PARTITION BY queue, is_time ORDER BY stretch) AS step
    FROM stretches
), growth AS (
    SELECT queue, is_time, arg_min(level, stretch) AS first_level, arg_max(level, stretch) AS last_level,
           count(step) AS steps_count, count(*) FILTER (WHERE step > 0) AS rising_count,
           arg_max(step, stretch) AS last_step, min(step) AS least_step, min(told_count) AS least_count,
           sum(told_count) AS told_count,
           max(watched_s) AS watched_s
    FROM steps GROUP BY queue, is_time
)
SELECT CASE WHEN last_level >= 10 * greatest(first_level, 10) THEN 'high' ELSE 'medium' END AS severity,
       queue, CASE WHEN NOT is_time THEN first_level END AS first_count,
       CASE WHEN NOT is_time THEN last_level END AS last_count,
       CASE WHEN is_time THEN first_level END AS first_ms, CASE WHEN is_time THEN last_level END AS last_ms,
       watched_s, rising_count
FROM growth
WHERE told_count >= 20 AND least_count >= 2 AND steps_count = 7 AND rising_count >= 6
  AND last_level >= 2 * first_level AND last_level - first_level >= 5
  AND least_step >= -0.1 * (last_level - first_level)
  AND last_step >= 0.3 * (last_level - first_level) / steps_count
ORDER BY last_level / greatest(first_level, 1) DESC, queue
LIMIT 1
