-- id: descriptor-growth
-- title: Open files keep growing
-- severity: medium
-- cause: descriptors
-- needs: fds_nearest_count, fds_limit_count
-- meaning: As memory-growth, over the descriptors of the process nearest its limit: the least count of
--   each sixth of the session rises in all steps but one, the last included, by 16 and a fifth in
--   all. A pool that has filled up, or connections that come and go, do not do that.
-- impact: At {limit_count} open, accept and connect fail with EMFILE; at this rate that is in {lasts_s}.
-- message: Open descriptors grew from {first_count} to {last_count} in {watched_s}, still at the end;
--   the limit is {limit_count}, reached in {lasts_s} at this rate.
-- recommendation: See what they are: `ls -l /proc/{pid}/fd | awk '{print $NF}' | sed 's/[0-9]*$//' | sort | uniq -c | sort -n | tail`.
-- recommendation: Sockets that nobody closes: `ss -tanp | grep pid={pid}, | awk '{print $1}' | sort | uniq -c` (many
--   CLOSE-WAIT: the application does not close after the other side has).
-- recommendation: Gain time: `prlimit --pid {pid} --nofile=65536`.
WITH watched AS (
    -- A process that ends lets go first: the last two periods say nothing of growth.
    SELECT t_s, end_s, fds_nearest_count_min, fds_nearest_count_max, fds_nearest_count_mean
    FROM periods WHERE period <= (SELECT max(period) - 2 FROM periods)
), extent AS (
    SELECT min(t_s) AS begin_s, max(end_s) AS end_s, count(fds_nearest_count_min) AS periods
    FROM watched
), stretches AS (
    SELECT least(5, floor(6 * (t_s - begin_s) / (extent.end_s - begin_s)))::INTEGER AS stretch,
           min(fds_nearest_count_min) AS least_count, max(fds_nearest_count_max) AS most_count
    FROM watched, extent
    GROUP BY stretch
    HAVING count(fds_nearest_count_min) > 0
), steps AS (
    SELECT stretch, least_count,
           least_count - lag(least_count) OVER (ORDER BY stretch) AS step_count,
           most_count - lag(most_count) OVER (ORDER BY stretch) AS most_step_count
    FROM stretches
), growth AS (
    SELECT arg_min(least_count, stretch) AS first_count, arg_max(least_count, stretch) AS last_count,
           least(arg_max(step_count, stretch), arg_max(most_step_count, stretch)) AS last_step_count,
           count(step_count) AS steps,
           count(*) FILTER (WHERE step_count > 0) AS rising, min(step_count) AS least_step_count
    FROM steps
), slope AS (
    SELECT regr_slope(fds_nearest_count_mean, t_s) AS per_s FROM watched
), bound AS (
    SELECT max_by(fds_limit_count, t_ns) AS limit_count FROM ticks
), holder AS (
    SELECT max_by(pid, fds_count) AS pid FROM processes
), judged AS (
    SELECT first_count, last_count, limit_count, extent.end_s - begin_s AS watched_s,
           greatest(0, limit_count - last_count) / per_s AS lasts_s
    FROM growth, slope, bound, extent
    WHERE periods >= 10 AND steps = 5 AND rising >= 4 AND per_s > 0
      AND last_count - first_count >= greatest(16, 0.2 * first_count)
      AND least_step_count >= -0.1 * (last_count - first_count)
      AND last_step_count >= 0.3 * (last_count - first_count) / steps
)
SELECT CASE WHEN lasts_s < 3600 THEN 'high' WHEN lasts_s > 7 * 86400 THEN 'low'
            ELSE 'medium' END AS severity,
       first_count, last_count, limit_count, watched_s, lasts_s, coalesce(pid, target_pid) AS pid
FROM judged, holder, session
