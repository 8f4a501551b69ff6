-- id: pressure-cpu
-- title: Tasks wait for a core
-- severity: medium
-- cause: cpu
-- needs: psi_cpu_some_percent
-- meaning: Pressure stall information of the machine: the share of time in which at least one task
--   was ready and had no core. A busy machine is often at 20 %; from half of the time on, waiting
--   is the normal state.
-- impact: Work that is ready is not done: response times grow although each step costs no more.
-- message: Some task of the machine waited for a core {mean_percent} of the time; the machine was
--   {machine_percent} busy, the target used {target_percent} of one core.
-- message: Some task of the machine waited for a core {mean_percent} of the time.
-- recommendation: See who competes: `top -b -n 1 -o %CPU | head -20`.
-- recommendation: If others take the CPU, move them or set their weight
--   (`systemctl set-property UNIT CPUWeight=…`, `renice`); if it is the target, give it more cores.
WITH pressure AS (
    SELECT count(*) AS periods, avg(psi_cpu_some_percent_mean) AS mean_percent,
           avg(system_cpu_percent_mean) AS machine_percent, avg(cpu_percent_mean) AS target_percent
    FROM periods
    WHERE psi_cpu_some_percent_mean IS NOT NULL
)
SELECT CASE WHEN mean_percent >= 80 THEN 'high' ELSE 'medium' END AS severity,
       mean_percent, machine_percent, target_percent
FROM pressure
WHERE periods >= 5 AND mean_percent >= 50
