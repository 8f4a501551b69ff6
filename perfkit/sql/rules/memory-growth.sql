-- id: memory-growth
-- title: Memory keeps growing
-- severity: medium
-- cause: memory
-- needs: rss_bytes
-- meaning: The session, its last two periods left out, is cut into eight stretches of equal length; growth counts only if the least
--   memory of a stretch rises again and again, and in the last one the most as well. So neither
--   start-up, nor a cache that has filled up, nor the saw-tooth of a garbage collector is a leak.
--   It must be worth a look too: 4 MiB and 5 % over the session. Where PSS was read, it must grow
--   along: RSS also grows when processes touch memory that they share.
-- impact: Memory that only grows ends in swapping or at the out-of-memory killer; at this rate what
--   is left ({headroom_bytes}) lasts for {lasts_s}.
-- message: Resident memory grew from {first_bytes} to {last_bytes} in {watched_s} ({slope_bytes_per_s}),
--   in {rising_count} of {steps_count} steps and still at the end; what is left lasts for {lasts_s}.
-- message: Resident memory grew from {first_bytes} to {last_bytes} in {watched_s} ({slope_bytes_per_s}),
--   in {rising_count} of {steps_count} steps and still at the end.
-- recommendation: See which process grows:
--   `perfkit query {session} "SELECT pid, name, min(rss_bytes), max(rss_bytes) FROM processes GROUP BY ALL ORDER BY 4 DESC"`.
-- recommendation: See what grows inside process {pid}: `memray attach {pid}` for Python,
--   `jcmd {pid} GC.class_histogram` for Java, `pmap -X {pid} | sort -k7 -n | tail` for any.
-- recommendation: Until the cause is found, restart it before memory runs out, or cap it with
--   `systemctl set-property UNIT MemoryMax=…`, so that only this service is hit.
WITH watched AS (
    -- A process that ends frees its memory first: the last two periods say nothing of growth.
    SELECT t_s, end_s, rss_bytes_min, rss_bytes_max, rss_bytes_mean
    FROM periods WHERE period <= (SELECT max(period) - 2 FROM periods)
), extent AS (
    SELECT min(t_s) AS begin_s, max(end_s) AS end_s, count(rss_bytes_mean) AS periods FROM watched
), stretches AS (
    SELECT least(7, floor(8 * (t_s - begin_s) / (extent.end_s - begin_s)))::INTEGER AS stretch,
           min(rss_bytes_min) AS least_bytes, max(rss_bytes_max) AS most_bytes
    FROM watched, extent
    GROUP BY stretch
    HAVING count(rss_bytes_mean) > 0
), steps AS (
    SELECT stretch, least_bytes,
           least_bytes - lag(least_bytes) OVER (ORDER BY stretch) AS step_bytes,
           most_bytes - lag(most_bytes) OVER (ORDER BY stretch) AS most_step_bytes
    FROM stretches
), growth AS (
    SELECT arg_min(least_bytes, stretch) AS first_bytes, arg_max(least_bytes, stretch) AS last_bytes,
           least(arg_max(step_bytes, stretch), arg_max(most_step_bytes, stretch)) AS last_step_bytes,
           count(step_bytes) AS steps_count,
           count(*) FILTER (WHERE step_bytes > 0) AS rising_count,
           min(step_bytes) AS least_step_bytes
    FROM steps
), slope AS (
    SELECT regr_slope(rss_bytes_mean, t_s) AS slope_bytes_per_s
    FROM watched, extent
    WHERE t_s >= begin_s + (extent.end_s - begin_s) / 8
), shared AS (
    SELECT (max_by(pss_bytes, t_ns) - min_by(pss_bytes, t_ns)) AS pss_growth_bytes,
           (max_by(rss_bytes, t_ns) - min_by(rss_bytes, t_ns)) AS rss_growth_bytes
    FROM ticks WHERE pss_bytes IS NOT NULL AND rss_bytes IS NOT NULL
), capacity AS (
    SELECT max_by(memory_capacity_bytes, t_ns) AS capacity_bytes,
           max_by(system_memory_available_bytes, t_ns) AS available_bytes,
           -- of address space under RLIMIT_AS; a process that has ended holds none
           min(virtual_limit_bytes - virtual_nearest_bytes)
               FILTER (WHERE virtual_nearest_bytes > 0) AS space_bytes
    FROM ticks
    WHERE memory_capacity_bytes IS NOT NULL OR system_memory_available_bytes IS NOT NULL
), judged AS (
    SELECT first_bytes, last_bytes, rising_count, steps_count, slope_bytes_per_s, extent.end_s - begin_s AS watched_s,
           -- least() passes over what is not known
           greatest(0, least(capacity_bytes - last_bytes, available_bytes, space_bytes)) AS headroom_bytes
    FROM growth, slope, extent, capacity, shared
    WHERE periods >= 22 AND extent.end_s - begin_s >= 22 AND steps_count = 7
      AND last_bytes - first_bytes >= greatest(4 * 1048576, 0.05 * first_bytes)
      AND rising_count >= 6
      AND least_step_bytes >= -0.1 * (last_bytes - first_bytes)
      AND last_step_bytes >= 0.3 * (last_bytes - first_bytes) / steps_count
      AND slope_bytes_per_s > 0
      AND (pss_growth_bytes IS NULL OR rss_growth_bytes <= 0
           OR pss_growth_bytes >= 0.25 * rss_growth_bytes)
)
SELECT CASE WHEN headroom_bytes / slope_bytes_per_s < 3600 THEN 'high'
            WHEN headroom_bytes / slope_bytes_per_s > 7 * 86400 THEN 'low'
            ELSE 'medium' END AS severity,
       first_bytes, last_bytes, last_bytes - first_bytes AS growth_bytes, slope_bytes_per_s,
       watched_s, rising_count, steps_count, headroom_bytes,
       headroom_bytes / slope_bytes_per_s AS lasts_s, target_pid AS pid
FROM judged, session
