-- id: frame-rate-low
-- title: Frames come too slowly
-- severity: medium
-- cause: frames
-- needs: events:frame|frame_end|virtual_scroll_render|virtual_scroll_render_end
-- meaning: Frames a second while frames came: a pause of over 5 s between two is none of it. Below the
--   threshold fps.warning (50) it is told, below fps.critical (30) it is severe. An application that
--   draws on demand draws rarely and is not slow: where frames say how long they took, a gap of over
--   half a second counts only if drawing filled half of it.
-- impact: Below 50 frames a second motion is seen to stutter, below 30 input feels late.
-- message: Frames came at {frames_per_s}, below the mark of {mark_per_s}; drawing one takes {render_ms}
--   (95 % within {render_p95_ms}), and {slow_ratio} of them came later than that mark allows.
-- message: Frames came at {frames_per_s}, below the mark of {mark_per_s}; {slow_ratio} of the frames came
--   later than that mark allows.
-- recommendation: If drawing itself takes long, draw less: fewer items, a lower quality level, only what changed.
-- recommendation: If it does not, something else holds up the thread that draws: see what else it does between
--   frames (`py-spy top --pid {target_pid}` for Python, the browser's performance panel for a page).
-- recommendation: See when it was slow: `perfkit query {session} "SELECT t_ns // 5000000000 * 5 AS from_s, count(*) / 5
--   AS frames_per_s FROM events WHERE type LIKE 'frame%' OR type LIKE 'virtual_scroll_render%' GROUP BY 1 ORDER BY 1"`.
WITH drawn AS (
    SELECT (t_ns - lag(t_ns) OVER (ORDER BY t_ns)) / 1e9 AS gap_s,
           coalesce(numbers['render_ms'], duration_ms) AS drawn_ms
    FROM events
    WHERE type IN ('frame', 'frame_end', 'virtual_scroll_render', 'virtual_scroll_render_end')
), pace AS (
    SELECT count(*) AS frames_count, median(drawn_ms) AS render_ms,
           quantile_cont(drawn_ms, 0.95) AS render_p95_ms,
           count(*) FILTER (WHERE gap_s <= 5)
               / nullif(sum(gap_s) FILTER (WHERE gap_s <= 5), 0) AS frames_per_s
    FROM drawn
), busy AS (
    SELECT count(*) / nullif(sum(gap_s), 0) AS busy_per_s,
           count(*) FILTER (WHERE gap_s > 1 / nullif(fps_warning, 0)) / nullif(count(*), 0) AS slow_ratio
    FROM drawn, thresholds
    WHERE gap_s <= 5 AND (drawn_ms IS NULL OR gap_s <= 0.5 OR drawn_ms >= 500 * gap_s)
)
SELECT CASE WHEN busy_per_s < fps_critical THEN 'high' ELSE 'medium' END AS severity,
       frames_per_s, busy_per_s, fps_warning AS mark_per_s, slow_ratio, frames_count, render_ms,
       render_p95_ms, target_pid
FROM pace, busy, thresholds, session
WHERE frames_count >= 20 AND frames_per_s < fps_warning AND busy_per_s < fps_warning
