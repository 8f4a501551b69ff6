-- id: thread-growth
-- title: Threads keep growing
-- severity: medium
-- cause: threads
-- needs: threads_count
-- meaning: As memory-growth, over the threads of the whole tree: the least count of each sixth of the
--   session rises in all steps but one, the last included, by 8 and a quarter in all. A pool
--   that has filled up stays flat; workers that come and go fall back.
-- impact: Each thread holds a stack and a slot of the scheduler; at the limit no more can be started.
-- message: Threads grew from {first_count} to {last_count} in {watched_s}, still at the end; processes
--   went from {first_processes_count} to {last_processes_count}.
-- message: Threads grew from {first_count} to {last_count} in {watched_s}, still at the end.
-- recommendation: See what they do: `py-spy dump --pid {target_pid}` for Python, `jstack {target_pid}` for Java,
--   `gdb -p {target_pid} -batch -ex "thread apply all bt 5"` for any.
-- recommendation: See which process has them:
--   `perfkit query {session} "SELECT pid, name, min(threads_count), max(threads_count) FROM processes GROUP BY ALL ORDER BY 4 DESC"`.
-- recommendation: Look for a thread a request without a bound: give the pool a size, the waiting calls a timeout.
WITH watched AS (
    -- A process that ends lets go first: the last two periods say nothing of growth.
    SELECT t_s, end_s, threads_count_min, threads_count_max, threads_count_mean
    FROM periods WHERE period <= (SELECT max(period) - 2 FROM periods)
), extent AS (
    SELECT min(t_s) AS begin_s, max(end_s) AS end_s, count(threads_count_min) AS periods FROM watched
), stretches AS (
    SELECT least(5, floor(6 * (t_s - begin_s) / (extent.end_s - begin_s)))::INTEGER AS stretch,
           min(threads_count_min) AS least_count, max(threads_count_max) AS most_count
    FROM watched, extent
    GROUP BY stretch
    HAVING count(threads_count_min) > 0
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
), processes_seen AS (
    SELECT min_by(processes_count, t_ns) AS first_processes_count,
           max_by(processes_count, t_ns) AS last_processes_count
    FROM ticks
)
SELECT CASE WHEN last_count >= 1000 OR last_count >= 4 * first_count THEN 'high'
            ELSE 'medium' END AS severity,
       first_count, last_count, extent.end_s - begin_s AS watched_s,
       first_processes_count, last_processes_count, target_pid
FROM growth, extent, processes_seen, session
WHERE periods >= 10 AND steps = 5 AND rising >= 4
  AND last_count - first_count >= greatest(8, 0.25 * first_count)
  AND least_step_count >= -0.1 * (last_count - first_count)
  AND last_step_count >= 0.3 * (last_count - first_count) / steps
