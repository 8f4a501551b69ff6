-- id: pressure-memory
-- title: Tasks wait for memory
-- severity: medium
-- cause: memory
-- needs: psi_memory_some_percent, psi_memory_full_percent
-- meaning: Pressure stall information of the machine: time in which tasks waited for memory to be
--   reclaimed, swapped in or read back. A healthy machine is at zero; one tenth of the time for some,
--   or one twentieth for all tasks at once, is thrashing on its way.
-- impact: The machine spends its time moving memory about instead of working; it can all but stop.
-- message: Some task waited for memory {some_percent} of the time, all at once {full_percent}.
-- recommendation: See who holds the memory: `ps -eo pid,rss,comm --sort=-rss | head`.
-- recommendation: See whether it swaps: `vmstat 1 5` (columns si and so).
-- recommendation: Free memory now (stop or restart the largest process that can be spared), then cap it
--   with `systemctl set-property UNIT MemoryHigh=…`.
WITH pressure AS (
    SELECT count(*) AS periods, avg(psi_memory_some_percent_mean) AS some_percent,
           avg(psi_memory_full_percent_mean) AS full_percent
    FROM periods
    WHERE psi_memory_some_percent_mean IS NOT NULL
)
SELECT CASE WHEN full_percent >= 5 OR some_percent >= 30 THEN 'high' ELSE 'medium' END AS severity,
       some_percent, full_percent
FROM pressure
WHERE periods >= 5 AND (some_percent >= 10 OR full_percent >= 5)
