-- id: errors-frequent
-- title: Many operations fail
-- severity: medium
-- cause: errors
-- needs: events
-- meaning: Of what the application did and said of how it went, the share that failed, for the type with
--   the most failures, or else over all types together. From the threshold errors.warning (2 %) on it
--   is told, from errors.critical (5 %) on it is severe. It must be sure, too: the share's lower bound
--   (Wilson, 95 %) is not below errors.warning, so that one failure of twenty says nothing.
-- impact: Each of them is an answer that somebody did not get, or work that is done again.
-- message: {failed_count} of {outcomes_count} {operation} failed ({failed_percent}, the mark is {mark_percent}); most often: {commonest_error}.
-- message: {failed_count} of {outcomes_count} {operation} failed ({failed_percent}, the mark is {mark_percent}).
-- recommendation: See which errors, and since when: `perfkit query {session} "SELECT type, labels['error'] AS error, count(*),
--   min(t_ns) / 1e9 AS first_s, max(t_ns) / 1e9 AS last_s FROM events WHERE NOT ok GROUP BY ALL ORDER BY 3 DESC"`.
-- recommendation: See what happened at that time: errors that come all at once have one cause (a dependency that
--   went away, a limit that was reached), errors that come evenly lie in what is asked.
WITH said AS (
    SELECT type, (NOT ok)::INT AS failed, labels['error'] AS error
    FROM events
    WHERE ok IS NOT NULL AND (NOT starts_with(type, 'perfkit.') OR type = 'perfkit.other')
), counted AS (
    SELECT type, count(*) AS outcomes_count, sum(failed) AS failed_count, avg(failed) AS share,
           mode(error) FILTER (WHERE failed = 1) AS commonest_error
    FROM said GROUP BY GROUPING SETS ((type), ())
), bounded AS (
    SELECT type, outcomes_count, failed_count, share, commonest_error,
           (share + 1.921 / outcomes_count
            - 1.96 * sqrt(share * (1 - share) / outcomes_count + 0.9604 / outcomes_count ** 2))
               / (1 + 3.842 / outcomes_count) AS surely
    FROM counted WHERE outcomes_count > 0
)
SELECT CASE WHEN share >= errors_critical THEN 'high' ELSE 'medium' END AS severity,
       coalesce(regexp_replace(type, '_end$', '') || ' operations', 'operations of all types') AS operation,
       failed_count::BIGINT AS failed_count, outcomes_count, 100 * share AS failed_percent,
       100 * errors_warning AS mark_percent, commonest_error
FROM bounded, thresholds
WHERE outcomes_count >= 20 AND failed_count > 0 AND share >= errors_warning AND surely >= errors_warning
ORDER BY type IS NULL, failed_count DESC, type
LIMIT 1
