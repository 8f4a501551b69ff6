-- id: runqueue-wait
-- title: Threads wait for a core although they could run
-- severity: medium
-- cause: cpu
-- needs: runqueue_wait_percent, cpu_percent
-- meaning: Of the time in which the target's threads could have run, the share in which they had no core,
--   by the scheduler's own account. From 30 % on in most readings, work takes half as long again as
--   it would; from 60 % on more than twice. Below a fifth of a core of waiting it is left alone.
-- impact: Everything the target does takes longer by this share, however little it computes.
-- message: The target's threads waited for a core {wait_ratio} of the time in which they could run:
--   {waiting_percent} of waiting (100 % is one thread) beside {target_percent} of CPU; the machine was {machine_percent} busy.
-- message: The target's threads waited for a core {wait_ratio} of the time in which they could run.
-- recommendation: See who has the cores: `top -b -n 1 -o %CPU | head -20`.
-- recommendation: If it is the target itself, run fewer threads than it may use cores
--   (`nproc`; for containers the quota in cpu.max).
-- recommendation: If it is others, give the target a larger weight: `renice -n -5 -p {target_pid}` or
--   `systemctl set-property UNIT CPUWeight=500`.
WITH waits AS (
    SELECT count(*) AS readings, median(runqueue_wait_percent) AS waiting_percent
    FROM ticks
    WHERE runqueue_wait_percent IS NOT NULL
), used AS (
    SELECT avg(cpu_percent) AS target_percent, avg(system_cpu_percent) AS machine_percent FROM ticks
), judged AS (
    SELECT readings, waiting_percent, target_percent, machine_percent,
           waiting_percent / nullif(waiting_percent + target_percent, 0) AS wait_ratio
    FROM waits, used
)
SELECT CASE WHEN wait_ratio >= 0.6 THEN 'high' ELSE 'medium' END AS severity,
       wait_ratio, waiting_percent, target_percent, machine_percent, target_pid
FROM judged, session
WHERE readings >= 3 AND waiting_percent >= 20 AND wait_ratio >= 0.3
