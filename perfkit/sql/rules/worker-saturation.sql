-- id: worker-saturation
-- title: All workers are busy, and tasks wait for them
-- severity: medium
-- cause: queue
-- needs: events:worker_task_completed
-- meaning: The time that workers spent on tasks, over the time from each one's first task to its last: 85 %
--   and more leaves no room. Being busy is what workers are for, so tasks must also wait, half of them
--   at least as long as a task takes; from five times as long on it is severe. Workers that do several
--   tasks at once are not judged.
-- impact: Beyond this load waiting grows without bound while throughput stays what it is.
-- message: {workers_count} workers were busy {busy_percent} of the time; half of {tasks_count} tasks waited longer
--   than {wait_ms} (one in twenty over {wait_p95_ms}) for work that takes {task_ms}.
-- recommendation: Add workers if cores are left (1 is all that the target may use):
--   `perfkit query {session} "SELECT avg(cpu_capacity_ratio), max(cpu_capacity_ratio) FROM ticks"`.
-- recommendation: If no core is left, make tasks cheaper or refuse some early: a bounded queue that says no is better
--   than one that answers too late.
WITH tasks AS (
    SELECT labels['worker_id'] AS worker, t_ns, duration_ms, numbers['queue_ms'] AS waited_ms
    FROM events WHERE type = 'worker_task_completed' AND duration_ms >= 0
), workers AS (
    SELECT worker, count(*) AS tasks, sum(duration_ms) AS busy_ms,
           max(t_ns) / 1e6 - min(t_ns / 1e6 - duration_ms) AS there_ms
    FROM tasks WHERE worker IS NOT NULL GROUP BY worker
), together AS (
    SELECT count(*) AS workers_count, sum(tasks)::BIGINT AS tasks_count,
           sum(busy_ms) / nullif(sum(there_ms), 0) AS busy
    FROM workers
), waits AS (
    SELECT median(waited_ms) AS wait_ms, quantile_cont(waited_ms, 0.95) AS wait_p95_ms,
           median(duration_ms) AS task_ms
    FROM tasks
)
SELECT CASE WHEN wait_ms >= 5 * task_ms THEN 'high' ELSE 'medium' END AS severity,
       workers_count, tasks_count, 100 * busy AS busy_percent, wait_ms, wait_p95_ms, task_ms
FROM together, waits
WHERE tasks_count >= 20 AND tasks_count >= 5 * workers_count AND busy BETWEEN 0.85 AND 1.2
  AND wait_ms >= task_ms
