-- id: memory-capacity
-- title: Memory is nearly used up
-- severity: medium
-- cause: memory
-- needs: memory_pressure_ratio
-- meaning: Use over the capacity that binds (cgroup limit, RLIMIT_AS, the machine), the largest that
--   applies. Four fifths for a quarter of the session leave no room for a burst; one reading of
--   95 % is one allocation away from failure, however short.
-- impact: The next burst of allocations meets the limit: the kernel reclaims, swaps, or kills, and
--   beyond RLIMIT_AS allocations fail.
-- message: Memory in use peaked at {peak_ratio} of what binds the target ({capacity_bytes}) and was
--   above 80 % for {share_ratio} of the session.
-- message: Memory in use peaked at {peak_ratio} of what binds the target and was above 80 % for
--   {share_ratio} of the session.
-- recommendation: See who holds it:
--   `perfkit query {session} "SELECT pid, name, max(rss_bytes), max(swap_bytes) FROM processes GROUP BY ALL ORDER BY 3 DESC"`.
-- recommendation: See which limit binds: `perfkit query {session} "SELECT max(cgroup_memory_limit_bytes),
--   max(virtual_limit_bytes), max(system_memory_total_bytes) FROM ticks"`; raise it
--   (`systemctl set-property UNIT MemoryMax=…`, `ulimit -v`) or lower the target's own caches and pools.
WITH used AS (
    SELECT count(*) AS readings, max(memory_pressure_ratio) AS peak_ratio,
           count(*) FILTER (WHERE memory_pressure_ratio >= 0.8) / count(*) AS share_ratio,
           count(*) FILTER (WHERE memory_pressure_ratio >= 0.9) / count(*) AS tight_ratio,
           -- the limit that the peak is a share of
           max_by(CASE WHEN virtual_nearest_bytes / virtual_limit_bytes >= memory_pressure_ratio - 0.01
                       THEN virtual_limit_bytes ELSE memory_capacity_bytes END,
                  memory_pressure_ratio) AS capacity_bytes
    FROM ticks
    WHERE memory_pressure_ratio IS NOT NULL
)
SELECT CASE WHEN peak_ratio >= 0.95 OR tight_ratio >= 0.25 THEN 'high' ELSE 'medium' END AS severity,
       peak_ratio, share_ratio, capacity_bytes
FROM used
WHERE (share_ratio >= 0.25 AND readings >= 3) OR peak_ratio >= 0.95
