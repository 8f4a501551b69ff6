-- id: recording-gaps
-- title: The recording has gaps
-- severity: low
-- cause: recording
-- needs: ticks_missed
-- meaning: Ticks that came too late to be taken, and time the machine slept. Below one slot in a
--   hundred (or three slots) summaries hardly change; from one in ten on, short events are lost.
-- impact: Whatever happened in a gap is not in the figures: peaks may be higher than they read.
-- message: {missed_count} of {slots_count} ticks are missing ({missed_ratio}), most at
--   {worst_at_s} after the start; the machine slept for {suspended_s}.
-- message: {missed_count} of {slots_count} ticks are missing ({missed_ratio}); the machine slept for
--   {suspended_s}.
-- recommendation: See when they were missed:
--   `perfkit query {session} "SELECT t_ns/1e9 AS s, ticks_missed, tick_late_ns FROM ticks WHERE ticks_missed > 0"`.
-- recommendation: If the machine was overloaded, record with a longer `--interval` (it is
--   {interval_ms} now), or give the recorder a core to itself.
WITH gaps AS (
    SELECT sum(ticks_missed) AS missed, count(*) AS taken, sum(suspended_ns) AS suspended_ns,
           arg_max(t_ns, ticks_missed) FILTER (WHERE ticks_missed > 0) AS worst_ns
    FROM ticks
)
SELECT CASE WHEN missed >= 0.1 * (missed + taken) AND missed >= 3 THEN 'medium'
            WHEN missed >= 0.01 * (missed + taken) AND missed >= 3 THEN 'low'
            ELSE 'info' END AS severity,
       missed::BIGINT AS missed_count,
       (missed + taken)::BIGINT AS slots_count,
       missed / (missed + taken) AS missed_ratio,
       worst_ns / 1e9 AS worst_at_s,
       coalesce(suspended_ns, 0) / 1e9 AS suspended_s,
       interval_ms
FROM gaps, session
WHERE (missed >= 3 AND missed >= 0.01 * (missed + taken)) OR suspended_ns > 0
