-- id: io-wait
-- title: Cores are idle because storage is awaited
-- severity: medium
-- cause: io
-- needs: system_iowait_percent
-- meaning: A fifth of all cores idle while storage was awaited, on average and in most periods: one
--   long burst alone does not count. Kernels count this loosely; where there is pressure stall
--   information, that is the better figure, and both are merged under one cause.
-- impact: The target waits for storage while cores stand idle; more CPU will not help.
-- message: {mean_percent} of all cores were idle while storage was awaited (peak {peak_percent}); the
--   target read {read_bytes_per_s} and wrote {write_bytes_per_s}.
-- message: {mean_percent} of all cores were idle while storage was awaited (peak {peak_percent}).
-- recommendation: See which device: `iostat -x 1 5` (columns await and %util).
-- recommendation: See which processes wait: `ps -eo pid,stat,wchan:30,comm | awk '$2 ~ /D/'`.
-- recommendation: See whether it is the target: `pidstat -d -p {target_pid} 1 5`.
WITH waiting AS (
    SELECT count(*) AS periods, avg(system_iowait_percent_mean) AS mean_percent,
           max(system_iowait_percent_mean) AS peak_percent,
           count(*) FILTER (WHERE system_iowait_percent_mean >= 10) / count(*) AS share_ratio,
           avg(read_bytes_per_s_mean) AS read_bytes_per_s,
           avg(write_bytes_per_s_mean) AS write_bytes_per_s
    FROM periods
    WHERE system_iowait_percent_mean IS NOT NULL
)
SELECT CASE WHEN mean_percent >= 50 THEN 'high' ELSE 'medium' END AS severity,
       mean_percent, peak_percent, share_ratio, read_bytes_per_s, write_bytes_per_s, target_pid
FROM waiting, session
WHERE periods >= 5 AND mean_percent >= 20 AND share_ratio >= 0.5
