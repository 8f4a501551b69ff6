-- id: recording-gaps
-- title: The recording has gaps
-- severity: low
-- cause: recording
-- needs: ticks_missed
-- meaning: Ticks that came too late to be taken, and time the machine slept. Below one slot in a
--   hundred (or three slots) summaries hardly change; from one in ten on, short events are lost.
--   Sleep below a second is a clock being set or a guest being paused, not sleep.
-- impact: Whatever happened in a gap is not in the figures: peaks may be higher than they read.
-- message: {missed_count} of {slots_count} ticks are missing ({missed_ratio}), most of them
--   {worst_at_s} after the start; the machine slept for {suspended_s}.
-- message: {missed_count} of {slots_count} ticks are missing ({missed_ratio}), most of them
--   {worst_at_s} after the start.
-- message: The machine slept for {suspended_s} of the recording.
-- recommendation: See when the {missed_count} were missed:
--   `perfkit query {session} "SELECT t_ns/1e9 AS s, ticks_missed, tick_late_ns FROM ticks WHERE ticks_missed > 0"`.
-- recommendation: If the machine was too busy for {slots_count} ticks, record with a longer `--interval`
--   (it is {interval_ms} now), or give the recorder a core to itself.
-- recommendation: To keep the machine from sleeping ({suspended_s}), record under
--   `systemd-inhibit perfkit record …`.
WITH sums AS (
    SELECT sum(ticks_missed) AS missed, count(*) + sum(ticks_missed) AS slots,
           sum(suspended_ns) / 1e9 AS slept_s,
           arg_max(before_ns, ticks_missed) FILTER (WHERE ticks_missed > 0) / 1e9 AS worst_at_s
    -- a gap begins with the tick before the one that counts what was missed
    FROM (SELECT ticks_missed, suspended_ns, coalesce(lag(t_ns) OVER (ORDER BY t_ns), 0) AS before_ns FROM ticks)
), gaps AS (
    SELECT slots, worst_at_s, CASE WHEN missed >= 3 AND missed >= 0.01 * slots THEN missed END AS missed,
           CASE WHEN slept_s >= 1 THEN slept_s END AS suspended_s
    FROM sums
)
SELECT CASE WHEN missed >= 0.1 * slots THEN 'medium' WHEN missed > 0 THEN 'low' ELSE 'info' END AS severity,
       missed::BIGINT AS missed_count, CASE WHEN missed > 0 THEN slots::BIGINT END AS slots_count,
       missed / slots AS missed_ratio, CASE WHEN missed > 0 THEN worst_at_s END AS worst_at_s,
       suspended_s, interval_ms
FROM gaps, session
WHERE missed > 0 OR suspended_s > 0
