-- id: cpu-core-pinned
-- title: One core's worth of work at a time
-- severity: medium
-- cause: cpu
-- needs: cpu_percent, cpu_capacity_cores
-- meaning: The target uses about one core in most ticks although it may use more: one thread does the
--   work (or all wait for one lock, such as Python's). Where the list of processes tells that the
--   work is spread over several, it is not that.
-- impact: More cores will not make it faster: throughput is bound by what one thread can do.
-- message: {process} (pid {pid}) kept one core busy for {share_ratio} of {watched_s}; it may use {capacity_cores}.
-- message: The target kept one core busy for {share_ratio} of {watched_s}; it may use {capacity_cores}.
-- recommendation: See whether it is one thread: `top -H -p {pid}`.
-- recommendation: See what that thread does: `py-spy top --pid {pid}` for Python,
--   `jstack {pid}` for Java, `perf top -p {pid}` for any.
-- recommendation: Then split that work over processes, or make the hot function cheaper.
WITH busy AS (
    SELECT (max(t_ns) - min(t_ns)) / 1e9 AS watched_s,
           count(*) FILTER (WHERE cpu_percent BETWEEN 80 AND 125) / count(*) AS share_ratio,
           avg(cpu_percent) FILTER (WHERE cpu_percent BETWEEN 80 AND 125) AS mean_percent
    FROM ticks
    WHERE cpu_percent IS NOT NULL
), capacity AS (
    SELECT max_by(cpu_capacity_cores, t_ns) AS capacity_cores
    FROM ticks
    WHERE cpu_capacity_cores IS NOT NULL
), each_process AS (
    SELECT pid, any_value(name) AS name,
           100 * (max_by(cpu_time_ns, t_ns) - min_by(cpu_time_ns, t_ns))
               / nullif(max(t_ns) - min(t_ns), 0) AS percent
    FROM processes
    GROUP BY pid, started_ns
), busiest AS (
    SELECT max_by(pid, percent) AS pid, max_by(name, percent) AS name, max(percent) AS percent
    FROM each_process
)
SELECT share_ratio, watched_s, capacity_cores, coalesce(pid, target_pid) AS pid,
       name AS process, percent AS process_percent
FROM busy, capacity, busiest, session
WHERE watched_s >= 5 AND share_ratio >= 0.6 AND mean_percent BETWEEN 90 AND 110
  AND capacity_cores >= 1.5
  AND (percent IS NULL OR percent >= 75)
