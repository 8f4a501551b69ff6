-- id: swap-use
-- title: Part of the target's memory is swapped out
-- severity: low
-- cause: memory
-- needs: swap_bytes
-- meaning: At least 64 MiB, or a tenth of what the target holds if that is 16 MiB or more, lay in swap in
--   most readings. Pages that are never touched may lie there for good (low); it matters where swap
--   grows or pages are read back (10 major faults a second), and it hurts from 100 a second on.
-- impact: A page that lies in swap costs milliseconds when it is touched, a thousand times a read from memory.
-- message: {last_swap_bytes} of the target are swapped out ({grown_bytes} more than at the start); it read
--   pages back {major_faults_per_s}.
-- message: {last_swap_bytes} of the target are swapped out.
-- recommendation: See whose memory it is: `perfkit query {session} "SELECT pid, name, max(swap_bytes) AS swap_bytes
--   FROM processes GROUP BY ALL ORDER BY 3 DESC NULLS LAST LIMIT 10"`.
-- recommendation: See what fills the memory: `ps -eo pid,rss,comm --sort=-rss | head`; pages go out because
--   others (or the page cache) need room.
-- recommendation: Give the target room: a higher `memory.low` or `memory.max` of its cgroup, fewer neighbours, or
--   `sudo sysctl vm.swappiness=10`.
WITH swapped AS (
    SELECT count(*) AS readings,
           count(*) FILTER (WHERE swap_bytes >= 64 * 1048576
                            OR swap_bytes >= greatest(16 * 1048576, 0.1 * (swap_bytes + pss_bytes)))
               / count(*) AS share_ratio,
           max_by(swap_bytes, t_ns) AS last_swap_bytes,
           max_by(swap_bytes, t_ns) - min_by(swap_bytes, t_ns) AS grown_bytes
    FROM ticks
    WHERE swap_bytes IS NOT NULL
), faults AS (
    SELECT avg(major_faults_per_s) AS major_faults_per_s FROM ticks
)
SELECT CASE WHEN major_faults_per_s >= 100 THEN 'high'
            WHEN major_faults_per_s >= 10 OR grown_bytes >= 64 * 1048576 THEN 'medium'
            ELSE 'low' END AS severity,
       last_swap_bytes, greatest(0, grown_bytes) AS grown_bytes, major_faults_per_s, share_ratio
FROM swapped, faults
WHERE readings >= 2 AND share_ratio >= 0.6
