-- id: cpu-all-cores
-- title: All cores are busy
-- severity: medium
-- cause: cpu
-- needs: cpu_capacity_ratio
-- meaning: In most periods the target uses at least nine tenths of the cores it may use (online
--   cores, affinity, quota). Severe if its threads wait for a core as long as they have one.
-- impact: There is no CPU left for a burst: further work waits, and latency grows with the queue.
-- message: The target used {mean_ratio} of its {capacity_cores} for {share_ratio} of {watched_s};
--   its threads waited for a core {runqueue_wait_percent} of the time (100 % is one thread).
-- message: The target used {mean_ratio} of the cores it may use for {share_ratio} of {watched_s}.
-- recommendation: See what burns the CPU: `perf top -p {target_pid}`, for Python `py-spy top --pid {target_pid}`.
-- recommendation: See which processes: `perfkit query {session} "SELECT pid, name,
--   (max(cpu_time_ns) - min(cpu_time_ns)) / 1e9 AS cpu_s FROM processes GROUP BY ALL ORDER BY 3 DESC"`.
-- recommendation: Give it more cores (`taskset -cp {target_pid}` and the cgroup's cpu.max show what it
--   may use), or fewer workers if they outnumber the cores.
WITH busy AS (
    SELECT count(*) AS periods,
           count(*) FILTER (WHERE cpu_capacity_ratio_mean >= 0.9) / count(*) AS share_ratio,
           avg(cpu_capacity_ratio_mean) FILTER (WHERE cpu_capacity_ratio_mean >= 0.9) AS mean_ratio,
           avg(runqueue_wait_percent_mean) AS runqueue_wait_percent,
           max(end_s) - min(t_s) AS watched_s
    FROM periods
    WHERE cpu_capacity_ratio_mean IS NOT NULL
), capacity AS (
    SELECT max_by(cpu_capacity_cores, t_ns) AS capacity_cores
    FROM ticks
    WHERE cpu_capacity_cores IS NOT NULL
)
SELECT CASE WHEN runqueue_wait_percent >= 100 * capacity_cores THEN 'high'
            ELSE 'medium' END AS severity,
       share_ratio, mean_ratio, capacity_cores, runqueue_wait_percent, watched_s, target_pid
FROM busy, capacity, session
WHERE periods >= 5 AND share_ratio >= 0.6
