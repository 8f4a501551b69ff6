-- id: fork-storm
-- title: Processes are started all the time
-- severity: medium
-- cause: processes
-- needs: processes_born_per_s
-- meaning: At least 20 new processes a second in most periods; a pool that is filled once, or a burst,
--   is left alone. Only what is alive at a tick is seen, so the truth is at least this many: a shell
--   loop may start ten times as many as are counted.
-- impact: Starting a process costs from 0.5 ms (a shell tool) to 50 ms (an interpreter) of CPU, and page faults.
-- message: {born_count} processes were seen to start, {born_per_s} and more, while {living_count} lived at a time;
--   the target spent {system_percent} of one core in the kernel.
-- message: {born_count} processes were seen to start, {born_per_s} and more.
-- recommendation: See what is started: `sudo strace -f -e trace=execve -p {target_pid}`, or
--   `perfkit query {session} "SELECT name, count(DISTINCT pid) AS processes_count FROM processes GROUP BY name ORDER BY 2 DESC LIMIT 10"`.
-- recommendation: Replace the loop by one process that does all the items (`xargs`, `find … -exec … +`), or keep a
--   pool of workers.
-- recommendation: In a shell script use what the shell has built in instead of `cat`, `sed`, `expr` for each line.
WITH births AS (
    SELECT count(*) AS periods, avg(processes_born_per_s_mean) AS born_per_s,
           count(*) FILTER (WHERE processes_born_per_s_mean >= 20) / count(*) AS share_ratio,
           avg(processes_count_mean) AS living_count, avg(cpu_system_percent_mean) AS system_percent
    FROM periods
    WHERE processes_born_per_s_mean IS NOT NULL
), total AS (
    SELECT max(processes_born_count) - min(processes_born_count) AS born_count FROM ticks
)
SELECT CASE WHEN born_per_s >= 200 THEN 'high' ELSE 'medium' END AS severity,
       born_per_s, born_count, living_count, system_percent, share_ratio, target_pid
FROM births, total, session
WHERE periods >= 5 AND share_ratio >= 0.6 AND born_per_s >= 20
