-- id: cpu-throttled
-- title: The CPU quota throttles the target
-- severity: medium
-- cause: cpu
-- needs: cgroup_throttled_percent
-- meaning: The share of quota periods (usually 100 ms) in which the cgroup ran out of quota and had to
--   stop until the next. One in twenty shows in the tail of latencies, one in four in the mean.
-- impact: In each such period every thread stands still until the next begins, up to 100 ms.
-- message: The cgroup was throttled in {throttled_percent} of its quota periods, for {throttled_s} in
--   all; its quota is {limit_cores}, it used {used_percent} of one core.
-- message: The cgroup was throttled in {throttled_percent} of its quota periods.
-- recommendation: Raise the quota: `systemctl set-property UNIT CPUQuota=…`, `docker update --cpus`,
--   `resources.limits.cpu`; the cgroup is named in `/proc/{target_pid}/cgroup`.
-- recommendation: Or let fewer threads run at once: with more threads than the quota has cores, it is
--   used up early in each period (GOMAXPROCS, a smaller pool of workers).
WITH throttling AS (
    SELECT count(*) AS periods, avg(cgroup_throttled_percent_mean) AS throttled_percent,
           avg(cgroup_cpu_percent_mean) AS used_percent
    FROM periods
    WHERE cgroup_throttled_percent_mean IS NOT NULL
), total AS (
    SELECT (max(cgroup_throttled_ns) - min(cgroup_throttled_ns)) / 1e9 AS throttled_s,
           max_by(cgroup_cpu_limit_cores, t_ns) AS limit_cores
    FROM ticks
)
SELECT CASE WHEN throttled_percent >= 25 THEN 'high' ELSE 'medium' END AS severity,
       throttled_percent, used_percent, throttled_s, limit_cores, target_pid
FROM throttling, total, session
WHERE periods >= 3 AND throttled_percent >= 5
