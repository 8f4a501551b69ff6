-- id: recorder-backed-off
-- title: The recorder read less often than it was asked to
-- severity: low
-- cause: recording
-- needs: sampler_cost_ns
-- meaning: To stay inside its budget the recorder first reads the slow columns (PSS, threads, the list of
--   processes) less often, then lengthens the interval. It is told where the interval grew, or where
--   the slow columns came at less than a third of their pace; low from a fifth of the ticks on.
-- impact: Short events are missed more easily, and peaks may be higher than they read.
-- message: The interval grew from {interval_ms} to {longest_interval_ms}, for {share_ratio} of the time, to stay inside
--   the recorder's budget; slow columns came every {slow_every_s}.
-- message: The interval grew from {interval_ms} to {longest_interval_ms}, for {share_ratio} of the time, to stay inside
--   the recorder's budget.
-- message: Slow columns came every {slow_every_s}, to stay inside the recorder's budget.
-- recommendation: Allow it more: `perfkit record --budget 5% …`, or pin the interval with `--no-adaptive`.
-- recommendation: Or ask for less: `--interval 1s`; a tree of {processes_count} processes costs about 40 µs each at every tick.
WITH spaced AS (
    SELECT t_ns, (t_ns - lag(t_ns) OVER (ORDER BY t_ns) - coalesce(suspended_ns, 0)) AS length_ns,
           coalesce(ticks_missed, 0) + 1 AS slots
    FROM ticks
), late AS (
    SELECT sum(length_ns) FILTER (WHERE length_ns / slots >= 1.25e6 * interval_ms) / sum(length_ns) AS share_ratio
    FROM spaced, session
), slow AS (
    SELECT t_ns, (t_ns - lag(t_ns) OVER (ORDER BY t_ns)) / 1e9 AS gap_s FROM ticks WHERE pss_bytes IS NOT NULL
), slow_pace AS (
    SELECT median(gap_s) AS gap_s, count(gap_s) AS gaps FROM slow
), members AS (
    SELECT max(processes_count) AS processes_count FROM ticks
), judged AS (
    SELECT interval_ms, longest_interval_ms > 1.01 * interval_ms AS grew, longest_interval_ms,
           coalesce(share_ratio, 0) AS share_ratio, processes_count,
           CASE WHEN gaps >= 2 AND gap_s >= 3 * greatest(5, interval_ms / 1000) THEN gap_s END AS slow_every_s
    FROM session, late, slow_pace, members
)
SELECT CASE WHEN grew AND share_ratio >= 0.2 THEN 'low' ELSE 'info' END AS severity,
       CASE WHEN grew THEN interval_ms END AS interval_ms,
       CASE WHEN grew THEN longest_interval_ms END AS longest_interval_ms,
       CASE WHEN grew THEN share_ratio END AS share_ratio, slow_every_s,
       CASE WHEN processes_count >= 20 THEN processes_count END AS processes_count
FROM judged
WHERE grew OR slow_every_s IS NOT NULL
