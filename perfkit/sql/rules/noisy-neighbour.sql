-- id: noisy-neighbour
-- title: Others use up what the target waits for
-- severity: medium
-- cause: neighbour
-- needs: psi_cpu_some_percent, system_cpu_percent, system_cores_count, cpu_percent
-- meaning: The machine is under pressure and it is not the target that makes it: cores are awaited 30 % of
--   the time (storage 40 %, memory 10 %) or other guests take a tenth of the CPU, while the target has
--   less than a third of the busy cores, reads and writes less than 1 MB/s, or holds less than a
--   tenth of the memory. The strongest of these is told.
-- impact: Response times of the target depend on what others do; tuning the target changes little.
-- message: Tasks waited for {resource} {pressure_percent} of the time, but the target had only {target_ratio} of
--   what is used of it.
-- message: Tasks waited for {resource} {pressure_percent} of the time, but hardly because of the target.
-- recommendation: See who it is: `top -b -n 1 | head -20` for cores and memory, `sudo iotop -b -n 3 -o` for storage.
-- recommendation: Keep it apart: move it, or bound it (`systemctl set-property UNIT CPUQuota=… IOWeight=… MemoryHigh=…`).
-- recommendation: Where other guests take the CPU (steal), ask for a dedicated machine or a larger share.
WITH shares AS (
    SELECT count(*) AS periods,
           avg(psi_cpu_some_percent_mean) AS cpu_percent, avg(psi_io_some_percent_mean) AS io_percent,
           avg(psi_memory_some_percent_mean) AS memory_percent,
           avg(system_steal_percent_mean) AS steal_percent,
           avg(cpu_percent_mean) / nullif(avg(system_cpu_percent_mean * system_cores_count_mean), 0) AS of_cores,
           avg(coalesce(read_bytes_per_s_mean, 0) + coalesce(write_bytes_per_s_mean, 0)) AS io_bytes_per_s,
           coalesce(avg(pss_bytes_mean), avg(rss_bytes_mean))
               / nullif(avg(system_memory_total_bytes_mean), 0) AS of_memory
    FROM periods
    WHERE psi_cpu_some_percent_mean IS NOT NULL
), suspects AS (
    SELECT 'a core' AS resource, cpu_percent AS pressure_percent, of_cores AS target_ratio,
           cpu_percent / 30 AS strength, 75 AS severe_percent
    FROM shares WHERE periods >= 5 AND cpu_percent >= 30 AND of_cores < 0.33
    UNION ALL
    SELECT 'storage', io_percent, NULL, io_percent / 40, 80
    FROM shares WHERE periods >= 5 AND io_percent >= 40 AND io_bytes_per_s < 1000000
    UNION ALL
    SELECT 'memory', memory_percent, of_memory, memory_percent / 10, 30
    FROM shares WHERE periods >= 5 AND memory_percent >= 10 AND of_memory < 0.1
    UNION ALL
    SELECT 'the host''s cores (steal)', steal_percent, NULL, steal_percent / 10, 30
    FROM shares WHERE periods >= 5 AND steal_percent >= 10
), strongest AS (
    SELECT resource, pressure_percent, target_ratio, severe_percent
    FROM suspects ORDER BY strength DESC, resource LIMIT 1
)
SELECT CASE WHEN pressure_percent >= severe_percent THEN 'high' ELSE 'medium' END AS severity,
       resource, pressure_percent, target_ratio, target_pid
FROM strongest, session
