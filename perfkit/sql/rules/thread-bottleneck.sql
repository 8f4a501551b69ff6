-- id: thread-bottleneck
-- title: One thread is the bottleneck
-- severity: medium
-- cause: cpu
-- needs: busiest_thread_percent, threads_count, cpu_percent, cpu_capacity_cores
-- meaning: One thread used at least 85 % of a core in most readings, all that a thread can have, while there
--   were other threads and a quarter or more of the cores that the target may use stayed idle: the
--   others wait for it (an event loop, a dispatcher, a writer, the holder of a lock).
-- impact: Throughput is bound by what this thread does; more threads, workers or cores change nothing.
-- message: One thread used {thread_percent} of a core in {share_ratio} of the readings; the target's {threads_count} threads
--   used {target_percent} in all, of {capacity_cores} that they may use.
-- recommendation: See which thread: `top -H -b -n 1 -p {target_pid} | head -15`; a thread with the number of the process is its main thread.
-- recommendation: See what it does: `py-spy dump --pid {target_pid}` for Python, `jstack {target_pid}` for Java, `perf top -t TID` for any.
-- recommendation: Take work off it: parsing, compression, encryption and logging belong to the workers; or start it several times.
WITH readings AS (
    SELECT count(*) AS readings, median(busiest_thread_percent) AS thread_percent,
           count(*) FILTER (WHERE busiest_thread_percent >= 85) / count(*) AS share_ratio
    FROM ticks
    WHERE busiest_thread_percent IS NOT NULL
), target AS (
    SELECT avg(cpu_percent) AS target_percent, max(threads_count) AS threads_count,
           median(cpu_capacity_cores) AS capacity_cores
    FROM ticks
)
SELECT thread_percent, share_ratio, target_percent, threads_count, capacity_cores, target_pid
FROM readings, target, session
WHERE readings >= 3 AND share_ratio >= 0.6 AND threads_count >= 2 AND capacity_cores >= 1.5
  AND target_percent <= 75 * capacity_cores
