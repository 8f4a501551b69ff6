-- id: children-unaccounted
-- title: Some children are in nobody's account
-- severity: info
-- cause: recording
-- needs: sigchld_ignored_count
-- meaning: A process that ignores SIGCHLD lets the kernel reap its children, and what they used since
--   the tick before is then told to nobody, wait4 included. perfkit names such a parent instead
--   of claiming a figure.
-- impact: CPU, faults and I/O of the target are lower bounds: its short children may be missing.
-- message: Processes that ignore SIGCHLD: {parents_count}, {name} (pid {pid}) among them.
-- message: Processes that ignore SIGCHLD: {parents_count}.
-- recommendation: Read the target's CPU as a lower bound; its cgroup counts all (`cgroup_cpu_percent`).
-- recommendation: Or let the parent reap its children: remove `signal(SIGCHLD, SIG_IGN)` from it.
WITH parents AS (
    SELECT max(sigchld_ignored_count) AS parents_count FROM ticks
), one AS (
    SELECT max(pid) AS pid, max_by(name, pid) AS name FROM processes WHERE ignores_sigchld = 1
)
SELECT parents_count, pid, name
FROM parents, one
WHERE parents_count > 0
