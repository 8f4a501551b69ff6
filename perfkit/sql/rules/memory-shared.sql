-- id: memory-shared
-- title: Much of the resident memory is shared, not used twice
-- severity: info
-- cause: memory-sharing
-- needs: rss_bytes, pss_bytes
-- meaning: Summed resident memory counts a page once for each process that maps it. Where that exceeds
--   the proportional set size by 100 MiB and two fifths in most readings, it says little: forked
--   workers, shared buffers and libraries are counted many times.
-- impact: `top`, `ps` and dashboards that add up RSS show memory that does not exist; PSS is what is used.
-- message: Resident memory adds up to {rss_bytes}, but {shared_bytes} of that are pages counted more than once over
--   {processes_count} processes: the target uses {pss_bytes}.
-- message: Resident memory adds up to {rss_bytes}, the target uses {pss_bytes}: the rest is counted more than once.
-- recommendation: Size by PSS (`pss_bytes`), not by the sum of RSS; per process: `perfkit query {session} "SELECT pid, name,
--   max(rss_bytes) AS rss_bytes, max(pss_bytes) AS pss_bytes FROM processes GROUP BY ALL ORDER BY 4 DESC NULLS LAST"`.
-- recommendation: Do not set a memory limit by RSS: what is shared is charged to the cgroup once.
WITH readings AS (
    SELECT rss_bytes, pss_bytes, processes_count FROM ticks
    WHERE pss_bytes IS NOT NULL AND rss_bytes IS NOT NULL
), sums AS (
    SELECT count(*) AS readings,
           count(*) FILTER (WHERE pss_bytes <= 0.6 * rss_bytes AND rss_bytes - pss_bytes >= 100 * 1048576)
               / count(*) AS share_ratio,
           median(rss_bytes) AS rss_bytes, median(pss_bytes) AS pss_bytes,
           max(processes_count) AS processes_count
    FROM readings
)
SELECT rss_bytes, pss_bytes, rss_bytes - pss_bytes AS shared_bytes, share_ratio,
       CASE WHEN processes_count > 1 THEN processes_count END AS processes_count
FROM sums
WHERE readings >= 2 AND share_ratio >= 0.6
