-- id: slow-neighbour
-- title: Operations are slow when others use the machine
-- severity: medium
-- cause: neighbour
-- needs: events, system_cpu_user_ns, system_cpu_kernel_ns, cpu_time_ns, system_cores_count
-- meaning: Operations that took over twice the median of their type, against those that took up to one and a
--   half times: the share of the machine's cores that other processes used while they ran (15 points
--   more, and two fifths of all cores), or that other guests of the host took (5 points more). Met by a
--   third of the slow ones, more than once, and no more than one in 300 by chance (clusters of slow ones moved to the
--   moments of others, see the view slow_exposures).
-- impact: These operations are as fast as others let them be; tuning the target changes little.
-- message: {slow_count} of {operations_count} {operation} operations took {slow_ms} instead of {normal_ms}; while they ran {others}
--   had {slow_percent} of the machine's cores, while others of its kind ran {normal_percent}.
-- recommendation: See who it is: `pidstat -u 5` beside the application, or `top -b -n 1 -o %CPU | head -20` at such a moment.
-- recommendation: Keep it apart: move it, move its hours (`systemctl list-timers`), or bound it
--   (`systemctl set-property UNIT CPUQuota=… CPUWeight=…`).
SELECT CASE WHEN slow_ms >= latency_ms_critical THEN 'high' ELSE 'medium' END AS severity,
       type AS operation, exposure AS others, slow_count, operations_count, slow_ms, normal_ms,
       slow_amount AS slow_percent, normal_amount AS normal_percent, exposed_ratio, incidents_count,
       chance_ratio
FROM slow_exposures, thresholds
WHERE chance_ratio <= 0.003 AND exposed_ratio >= 0.33 AND incidents_count >= 2
  AND ((exposure = 'other processes' AND slow_amount >= 40 AND slow_amount >= normal_amount + 15)
       OR (exposure = 'other guests' AND slow_amount >= normal_amount + 5))
ORDER BY slow_count * (slow_ms - normal_ms) DESC, type, slow_amount - normal_amount DESC, exposure
LIMIT 1
