-- id: slow-throttled
-- title: Operations are slow when the CPU quota throttles the target
-- severity: medium
-- cause: cpu
-- needs: events, cgroup_throttled_ns
-- meaning: Operations that took over twice the median of their type, against those that took up to one and a
--   half times: the time in which the cgroup stood still for want of quota while they ran (100 % is one
--   core's). Three times as much and 5 %, met by a third of the slow ones, more than once, and no more than one in 300
--   by chance (clusters of slow ones moved to the moments of others, see the view slow_exposures).
-- impact: These operations stand still in the middle of their work, however fast their code is.
-- message: {slow_count} of {operations_count} {operation} operations took {slow_ms} instead of {normal_ms}; while they ran the
--   cgroup was throttled {slow_percent} of the time, while others ran {normal_percent}.
-- recommendation: Raise the quota (`systemctl set-property UNIT CPUQuota=…`, `docker update --cpus`,
--   `resources.limits.cpu`), or replace it by a weight where the machine has cores to spare.
-- recommendation: Or let fewer threads run at once: what uses the quota up early in each 100 ms makes all others wait.
SELECT CASE WHEN slow_ms >= latency_ms_critical THEN 'high' ELSE 'medium' END AS severity,
       type AS operation, slow_count, operations_count, slow_ms, normal_ms, slow_amount AS slow_percent,
       normal_amount AS normal_percent, exposed_ratio, incidents_count,
       chance_ratio
FROM slow_exposures, thresholds
WHERE exposure = 'throttling' AND chance_ratio <= 0.003 AND exposed_ratio >= 0.33 AND incidents_count >= 2
  AND slow_amount >= 5 AND slow_amount >= 3 * normal_amount
ORDER BY slow_count * (slow_ms - normal_ms) DESC, type
LIMIT 1
