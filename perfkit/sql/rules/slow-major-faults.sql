-- id: slow-major-faults
-- title: Operations are slow when memory is read back from storage
-- severity: medium
-- cause: memory
-- needs: events, major_faults_count
-- meaning: Operations that took over twice the median of their type, against those that took up to one and a
--   half times: the page faults a second that had to read from storage while they ran. Three times as many
--   and ten a second, met by a third of the slow ones, more than once, and no more than one in 300 by chance (clusters of
--   slow ones moved to the moments of others, see the view slow_exposures). Start-up is left out.
-- impact: These operations wait for storage where the code shows a memory access; tuning the code changes little.
-- message: {slow_count} of {operations_count} {operation} operations took {slow_ms} instead of {normal_ms}; while they ran
--   {slow_per_s} page faults had to read from storage, while others ran {normal_per_s}.
-- recommendation: See whether the machine swaps at these times: `vmstat 1 5` (columns si and so); if it does, give the
--   target more memory or a protected share (`systemctl set-property UNIT MemoryLow=…`).
-- recommendation: If it does not, mapped files fall out of the cache: read them ahead (`madvise`, `vmtouch -t FILE`), or
--   touch at start what an operation will need.
SELECT CASE WHEN slow_ms >= latency_ms_critical THEN 'high' ELSE 'medium' END AS severity,
       type AS operation, slow_count, operations_count, slow_ms, normal_ms, slow_amount AS slow_per_s,
       normal_amount AS normal_per_s, exposed_ratio, incidents_count,
       chance_ratio
FROM slow_exposures, thresholds
WHERE exposure = 'major faults' AND chance_ratio <= 0.003 AND exposed_ratio >= 0.33 AND incidents_count >= 2
  AND slow_amount >= 10 AND slow_amount >= 3 * normal_amount
ORDER BY slow_count * (slow_ms - normal_ms) DESC, type
LIMIT 1
