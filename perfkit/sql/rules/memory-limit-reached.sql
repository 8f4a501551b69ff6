-- id: memory-limit-reached
-- title: The memory limit of the cgroup was reached
-- severity: medium
-- cause: memory
-- needs: cgroup_memory_limit_hits_count
-- meaning: The kernel's own count (memory.events, or failcnt of v1) over the session. Each hit stalls
--   an allocation while memory is reclaimed; a kill ends a process.
-- impact: Allocations wait for memory to be reclaimed; where nothing can be, a process is killed.
-- message: The limit of {limit_bytes} was reached {hits_count} times and {kills_count} processes were killed.
-- message: The limit was reached {hits_count} times and {kills_count} processes were killed.
-- message: The limit was reached {hits_count} times.
-- recommendation: See when: `perfkit query {session} "SELECT t_ns/1e9 AS s, cgroup_memory_bytes, cgroup_memory_limit_hits_count
--   FROM ticks WHERE cgroup_memory_limit_hits_count > 0"`.
-- recommendation: Raise the limit (`systemctl set-property UNIT MemoryMax=…`, `docker update --memory`,
--   `resources.limits.memory`), or shrink the target's caches below it.
-- recommendation: If processes were killed, the kernel names them: `journalctl -k --grep "Killed process"`.
WITH hits AS (
    SELECT max(cgroup_memory_limit_hits_count) - min(cgroup_memory_limit_hits_count) AS hits_count,
           max(cgroup_oom_kills_count) - min(cgroup_oom_kills_count) AS kills_count,
           max_by(cgroup_memory_limit_bytes, t_ns) AS limit_bytes
    FROM ticks
)
SELECT CASE WHEN kills_count > 0 THEN 'high' ELSE 'medium' END AS severity,
       hits_count, kills_count, limit_bytes
FROM hits
WHERE hits_count > 0 OR kills_count > 0
