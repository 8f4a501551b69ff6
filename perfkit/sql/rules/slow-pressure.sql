-- id: slow-pressure
-- title: Operations are slow when tasks wait for the machine
-- severity: medium
-- cause: pressure
-- needs: events, psi_cpu_some_us
-- meaning: Operations that took over twice the median of their type, against those that took up to one and a
--   half times: pressure stall information of the machine while they ran. Twice as much and 15 points
--   more of waiting for a core, memory or storage, met by a third of the slow ones, more than once, and no more than one
--   in 300 by chance (clusters of slow ones moved to the moments of others, see the view slow_exposures).
--   The resource that differs most is told.
-- impact: These operations wait for a resource that is taken, by the target itself or by others.
-- message: {slow_count} of {operations_count} {operation} operations took {slow_ms} instead of {normal_ms}; while they ran tasks
--   were {waiting} {slow_percent} of the time, while others ran {normal_percent}.
-- recommendation: See who holds it at these times: `pidstat -u -r -d 5` beside the application (CPU, memory, storage).
-- recommendation: If it is the target, spread the work: smaller batches, fewer threads at once, writes in the background.
-- recommendation: If it is others, give the target a larger weight: `systemctl set-property UNIT CPUWeight=500 IOWeight=500`.
SELECT CASE WHEN slow_ms >= latency_ms_critical THEN 'high' ELSE 'medium' END AS severity,
       type AS operation, exposure AS waiting, slow_count, operations_count, slow_ms, normal_ms,
       slow_amount AS slow_percent, normal_amount AS normal_percent, exposed_ratio, incidents_count,
       chance_ratio
FROM slow_exposures, thresholds
WHERE starts_with(exposure, 'waiting for ') AND chance_ratio <= 0.003 AND exposed_ratio >= 0.33 AND incidents_count >= 2
  AND slow_amount >= normal_amount + 15 AND slow_amount >= 2 * normal_amount
ORDER BY slow_count * (slow_ms - normal_ms) DESC, type, slow_amount - normal_amount DESC, exposure
LIMIT 1
