-- id: major-faults
-- title: Memory is read back from storage
-- severity: medium
-- cause: memory
-- needs: major_faults_per_s
-- meaning: Page faults that had to read from storage, start-up (the first tenth of the session, at least
--   5 s) apart: loading a program's own pages is normal there. At least 20 a second on average and 10
--   in three of ten periods, so that a burst (a library loaded late) is passed over.
-- impact: Each one stops a thread for as long as the storage takes: 0.1 ms on flash, 10 ms on disks.
-- message: After start-up {mean_per_s} page faults had to read from storage (peak {peak_per_s}); the target
--   had {swap_bytes} swapped out.
-- message: After start-up {mean_per_s} page faults had to read from storage (peak {peak_per_s}).
-- recommendation: See whether the machine swaps: `vmstat 1 5` (columns si and so), `free -m`.
-- recommendation: If it does, give the target more memory or let fewer programs share the machine; for a process
--   that must not wait, `mlockall` or `systemctl set-property UNIT MemoryLow=…`.
-- recommendation: If it does not, files that are mapped fall out of the cache: see which, `fincore FILE…`.
WITH extent AS (
    SELECT min(t_s) AS begin_s, max(end_s) AS end_s FROM periods
), settled AS (
    SELECT major_faults_per_s_mean AS per_s
    FROM periods, extent
    WHERE t_s >= begin_s + greatest(5, 0.1 * (extent.end_s - begin_s))
      AND major_faults_per_s_mean IS NOT NULL
), faults AS (
    SELECT count(*) AS periods, avg(per_s) AS mean_per_s, max(per_s) AS peak_per_s,
           count(*) FILTER (WHERE per_s >= 10) / count(*) AS share_ratio
    FROM settled
), swapped AS (
    SELECT max(swap_bytes) AS swap_bytes FROM ticks
)
SELECT CASE WHEN mean_per_s >= 500 THEN 'high' ELSE 'medium' END AS severity,
       mean_per_s, peak_per_s, share_ratio, swap_bytes
FROM faults, swapped
WHERE periods >= 5 AND mean_per_s >= 20 AND share_ratio >= 0.3
