-- id: descriptor-limit
-- title: Open files are near their limit
-- severity: medium
-- cause: descriptors
-- needs: fds_ratio
-- meaning: Open descriptors over RLIMIT_NOFILE of the process that is nearest to its own limit. At four
--   fifths a burst of connections fits no more; at 95 % the next one may fail.
-- impact: At the limit open, accept and connect fail with EMFILE: connections are refused, logs lost.
-- message: A process had {peak_count} descriptors open, {peak_ratio} of its limit of {limit_count}.
-- recommendation: See what they are: `ls -l /proc/{pid}/fd | awk '{print $NF}' | sed 's/[0-9]*$//' | sort | uniq -c | sort -n | tail`.
-- recommendation: Raise the limit at once: `prlimit --pid {pid} --nofile=65536`; for good, LimitNOFILE= of its
--   systemd unit or `ulimit -n` where it is started.
WITH used AS (
    SELECT max(fds_ratio) AS peak_ratio, arg_max(fds_nearest_count, fds_ratio) AS peak_count,
           arg_max(fds_limit_count, fds_ratio) AS limit_count
    FROM ticks
), holder AS (
    SELECT max_by(pid, fds_count) AS pid FROM processes
)
SELECT CASE WHEN peak_ratio >= 0.95 THEN 'high' ELSE 'medium' END AS severity,
       peak_ratio, peak_count, limit_count, coalesce(pid, target_pid) AS pid
FROM used, holder, session
WHERE peak_ratio >= 0.8
