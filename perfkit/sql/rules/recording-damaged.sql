-- id: recording-damaged
-- title: Ticks were lost to a damaged journal
-- severity: info
-- cause: recording
-- needs: ticks_missed
-- meaning: Ticks that were recorded and cannot be read any more, because bytes of the journal changed
--   or are missing. A recorder never writes such a journal, not even one that is killed. Below one
--   tick in a hundred (or three) summaries hardly change; from one in ten on, short events are lost.
-- impact: Whatever happened at these ticks is not in the figures: peaks may be higher than they read.
-- message: {damaged_count} of {ticks_count} ticks were recorded and cannot be read any more ({damaged_ratio}).
-- recommendation: See where they were, and what else is wrong (`journal_damage`: nanoseconds of the ticks around
--   each hole, and how many it swallowed): `perfkit query {session} "SELECT unnest(map_entries(notes)) FROM session"`.
-- recommendation: A disk or memory that changes bytes damages more than this: look for its errors with
--   `dmesg --level err,crit,alert,emerg` and `smartctl -H DEVICE`.
WITH lost AS (
    SELECT damaged_ticks AS damaged, ticks + damaged_ticks AS written FROM session
)
SELECT CASE WHEN damaged >= 0.1 * written THEN 'medium'
            WHEN damaged >= 3 AND damaged >= 0.01 * written THEN 'low' ELSE 'info' END AS severity,
       damaged AS damaged_count, written AS ticks_count, damaged / written AS damaged_ratio
FROM lost
WHERE damaged > 0
