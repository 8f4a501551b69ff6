-- id: context-switch-storm
-- title: Threads switch too often
-- severity: medium
-- cause: scheduling
-- needs: ctx_switches_voluntary_per_s, ctx_switches_involuntary_per_s
-- meaning: More than 20,000 switches a second for each core the target keeps busy: one every 50 µs, when
--   a switch with its cold caches costs several µs. A target that idles is left alone (below 20 % of
--   a core), and so is a short burst: it must hold in most readings.
-- impact: A large share of the CPU goes into switching and cold caches instead of work.
-- message: {switches_per_s} context switches, {per_core_per_s} for each busy core; {preempted_ratio} of them
--   because the time slice was over.
-- recommendation: Many by waiting: threads hand over small pieces or fight for a lock; see where:
--   `perf trace -s -p {target_pid} -- sleep 5`, `strace -cf -p {target_pid}` (futex, poll, read).
-- recommendation: Many by preemption: more threads than cores; use fewer workers, or pin them.
-- recommendation: See which threads: `pidstat -wt -p {target_pid} 1 5`.
WITH switching AS (
    SELECT ctx_switches_voluntary_per_s + ctx_switches_involuntary_per_s AS switches_per_s,
           ctx_switches_involuntary_per_s AS preempted_per_s
    FROM ticks
    WHERE ctx_switches_voluntary_per_s IS NOT NULL AND ctx_switches_involuntary_per_s IS NOT NULL
), usual AS (
    SELECT count(*) AS readings, median(switches_per_s) AS switches_per_s,
           sum(preempted_per_s) / nullif(sum(switches_per_s), 0) AS preempted_ratio
    FROM switching
), busy AS (
    SELECT avg(cpu_percent) / 100 AS busy_cores FROM ticks
)
SELECT CASE WHEN switches_per_s >= 50000 * greatest(1, busy_cores) THEN 'high'
            ELSE 'medium' END AS severity,
       switches_per_s, switches_per_s / greatest(1, busy_cores) AS per_core_per_s, preempted_ratio,
       busy_cores, target_pid
FROM usual, busy, session
WHERE readings >= 3 AND busy_cores >= 0.2 AND switches_per_s >= 20000 * greatest(1, busy_cores)
