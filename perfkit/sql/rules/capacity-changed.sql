-- id: capacity-changed
-- title: What the target may use has changed
-- severity: info
-- cause: capacity
-- needs: cpu_capacity_cores, memory_capacity_bytes
-- meaning: The cores or the memory that bind the target (affinity, cgroup limits, cores that went offline,
--   a balloon) were not the same throughout; changes of memory below one percent are left out. It is
--   medium where there was less at the end.
-- impact: Figures before and after do not compare: a ratio may have moved because its capacity did.
-- message: It may use {last_cores} instead of {first_cores} and {last_bytes} instead of {first_bytes}, since
--   {changed_at_s} after the start.
-- message: It may use {last_cores} instead of {first_cores}, since {changed_at_s} after the start.
-- message: It may use {last_bytes} of memory instead of {first_bytes}, since {changed_at_s} after the start.
-- message: The cores or the memory that it may use changed {changed_at_s} after the start, and changed back.
-- recommendation: Compare stretches of the session apart: `perfkit query {session} "SELECT cpu_capacity_cores, memory_capacity_bytes,
--   min(t_ns) / 1e9 AS from_s, avg(cpu_percent) AS cpu_percent FROM ticks
--   WHERE cpu_capacity_cores IS NOT NULL GROUP BY ALL ORDER BY 3"`.
-- recommendation: See who set it: `systemctl show UNIT -p CPUQuotaPerSecUSec -p MemoryMax`, `taskset -cp {target_pid}`,
--   the autoscaler's log.
WITH readings AS (
    SELECT t_ns, cpu_capacity_cores AS cores, memory_capacity_bytes AS bytes,
           first_value(cpu_capacity_cores) OVER by_time AS first_cores,
           first_value(memory_capacity_bytes) OVER by_time AS first_bytes
    FROM ticks
    WHERE cpu_capacity_cores IS NOT NULL AND memory_capacity_bytes IS NOT NULL
    WINDOW by_time AS (ORDER BY t_ns)
), judged AS (
    SELECT t_ns, cores, bytes, first_cores, first_bytes, cores <> first_cores AS cores_moved,
           abs(bytes - first_bytes) >= 0.01 * first_bytes AS bytes_moved
    FROM readings
), ends AS (
    SELECT any_value(first_cores) AS first_cores, max_by(cores, t_ns) AS last_cores,
           any_value(first_bytes) AS first_bytes, max_by(bytes, t_ns) AS last_bytes,
           max_by(cores_moved, t_ns) AS cores_moved, max_by(bytes_moved, t_ns) AS bytes_moved,
           min(t_ns) FILTER (WHERE cores_moved OR bytes_moved) / 1e9 AS changed_at_s
    FROM judged
)
SELECT CASE WHEN last_cores < first_cores OR (bytes_moved AND last_bytes < first_bytes) THEN 'medium'
            ELSE 'info' END AS severity,
       CASE WHEN cores_moved THEN first_cores END AS first_cores,
       CASE WHEN cores_moved THEN last_cores END AS last_cores,
       CASE WHEN bytes_moved THEN first_bytes END AS first_bytes,
       CASE WHEN bytes_moved THEN last_bytes END AS last_bytes,
       changed_at_s, target_pid
FROM ends, session
WHERE changed_at_s IS NOT NULL
