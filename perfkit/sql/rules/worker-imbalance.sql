-- id: worker-imbalance
-- title: One worker does the work of several
-- severity: low
-- cause: workers
-- needs: events:worker_task_completed
-- meaning: While all workers were there (at least half of the time), the busiest spent more than twice as long
--   on tasks as the others did on average, and half of its time or more; that must hold without its
--   longest task too, and with twenty tasks a worker, so that it is neither one odd task nor chance.
--   From 85 % of its time on it is what bounds the others.
-- impact: The whole is as fast as its busiest worker; adding workers changes nothing.
-- message: Worker {worker} was busy {busy_percent} of the time, the {others_count} others {others_percent} on average: it had
--   {tasks_count} tasks of {task_ms}, they {others_tasks_count} of {others_task_ms} each.
-- recommendation: If its tasks are the same in number but take longer, see what differs on this worker: its core, its
--   version, its cache, its neighbours.
-- recommendation: If it has more tasks, spread them otherwise: by who is free (one queue for all) rather than by key.
-- recommendation: See each worker: `perfkit query {session} "SELECT labels['worker_id'] AS worker, count(*), sum(duration_ms),
--   median(duration_ms) FROM events WHERE type = 'worker_task_completed' GROUP BY 1 ORDER BY 3 DESC"`.
WITH tasks AS (
    SELECT labels['worker_id'] AS worker, t_ns / 1e6 - duration_ms AS start_ms, t_ns / 1e6 AS end_ms, duration_ms
    FROM events
    WHERE type = 'worker_task_completed' AND duration_ms >= 0 AND labels['worker_id'] IS NOT NULL
), presence AS (
    SELECT worker, min(start_ms) AS first_ms, max(end_ms) AS last_ms FROM tasks GROUP BY worker
), common AS (
    SELECT max(first_ms) AS from_ms, min(last_ms) AS until_ms, min(first_ms) AS all_from_ms,
           max(last_ms) AS all_until_ms, count(*) AS workers_count
    FROM presence
), shares AS (
    SELECT worker, count(*) AS tasks_count, median(duration_ms) AS task_ms, sum(duration_ms) AS busy_ms,
           max(duration_ms) AS longest_ms, any_value(until_ms - from_ms) AS length_ms,
           any_value(workers_count) AS workers_count
    FROM tasks, common
    WHERE start_ms >= from_ms AND end_ms <= until_ms
      AND until_ms - from_ms >= 0.5 * (all_until_ms - all_from_ms)
    GROUP BY worker
), summed AS (
    SELECT sum(busy_ms) AS all_ms, sum(tasks_count) AS all_count, max(workers_count) AS workers_count
    FROM shares
), busiest AS (
    SELECT worker, tasks_count, task_ms, busy_ms, longest_ms, length_ms FROM shares
    ORDER BY busy_ms DESC, worker LIMIT 1
), rest AS (
    SELECT median(s.task_ms) AS others_task_ms FROM shares s, busiest b WHERE s.worker <> b.worker
), judged AS (
    SELECT worker, tasks_count, task_ms, busy_ms, longest_ms, length_ms, all_count, workers_count,
           workers_count - 1 AS others_count, others_task_ms,
           (all_ms - busy_ms) / nullif(workers_count - 1, 0) AS others_ms,
           (all_count - tasks_count) / nullif(workers_count - 1, 0) AS others_tasks_count
    FROM busiest, summed, rest
)
SELECT CASE WHEN busy_ms >= 0.85 * length_ms THEN 'medium' ELSE 'low' END AS severity,
       worker, 100 * busy_ms / length_ms AS busy_percent, 100 * others_ms / length_ms AS others_percent,
       tasks_count, others_count, others_tasks_count, task_ms, others_task_ms
FROM judged
WHERE workers_count >= 2 AND all_count >= 20 * workers_count
  AND busy_ms BETWEEN 0.5 * length_ms AND 1.2 * length_ms
  AND busy_ms - longest_ms > 2 * others_ms
