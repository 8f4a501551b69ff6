-- id: latency-high
-- title: Operations take too long
-- severity: high
-- cause: latency
-- needs: events:request|request_end|ml_processing|ml_processing_end
-- meaning: What somebody waits for (requests, batches of a model), type by type. A mean beyond the
--   threshold latency_ms.critical (2 s) is severe; one operation in twenty beyond it is worth a look,
--   a few outliers are not.
-- impact: Whoever waits sees this directly; callers with time-outs begin to give up and to ask again.
-- message: {operation} takes {mean_ms} on average (95 % within {p95_ms}, the longest {longest_ms});
--   {over_ratio} of {operations_count} took longer than {mark_ms}.
-- recommendation: See what the slowest have in common:
--   `perfkit query {session} "SELECT t_ns / 1e9 AS at_s, duration_ms, labels FROM events
--   WHERE type LIKE '{operation}%' ORDER BY duration_ms DESC LIMIT 20"`.
-- recommendation: See whether they wait or work: a span around each step (`with perfkit.span("query"):`) says where
--   the time goes, and `perfkit events {session}` lists the slowest of them.
-- recommendation: If they work, do less at once (smaller batches, a page at a time) or answer from a cache.
WITH taken AS (
    SELECT regexp_replace(type, '_end$', '') AS operation, duration_ms
    FROM events
    WHERE type IN ('ml_processing', 'ml_processing_end', 'request', 'request_end') AND duration_ms >= 0
), summed AS (
    SELECT operation, count(*) AS operations_count, avg(duration_ms) AS mean_ms,
           quantile_cont(duration_ms, 0.95) AS p95_ms, max(duration_ms) AS longest_ms,
           avg((duration_ms > latency_ms_critical)::INT) AS over_ratio,
           any_value(latency_ms_critical) AS mark_ms
    FROM taken, thresholds
    GROUP BY operation
)
SELECT CASE WHEN mean_ms > mark_ms THEN 'high' ELSE 'medium' END AS severity,
       operation, mean_ms, p95_ms, longest_ms, over_ratio, operations_count, mark_ms
FROM summed
WHERE operations_count >= 20 AND (mean_ms > mark_ms OR p95_ms > mark_ms)
ORDER BY mean_ms * operations_count DESC, operation
LIMIT 1
