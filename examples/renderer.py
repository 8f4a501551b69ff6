"""A long list, scrolled and painted sixty times a second, until pictures come into view.

Of a hundred thousand items the few that can be seen are painted into a buffer of numpy. In the
middle of the list items have pictures, and a frame takes longer than there is time for: the frame
rate falls. The renderer is patient; when it lowers the quality at last, the rate recovers.

    perfkit record -o renderer.parquet -- python examples/renderer.py [SECONDS [SEED]]
    perfkit query renderer.parquet "SELECT labels['quality_level'], count(*),
        quantile_cont(numbers['render_ms'], 0.95) FROM events
        WHERE type = 'virtual_scroll_render' GROUP BY ALL"
"""

from __future__ import annotations

import sys
import time

import numpy as np
import numpy.typing as npt

import perfkit

ITEMS = 100_000
VISIBLE = 24
FRAMES_PER_S = 60
WIDTH, HEIGHT = 480, 20  # of one item
PICTURES_FROM, PICTURES_UNTIL = 0.2, 0.85  # shares of the list
PLAIN_MS = 6.0
PICTURE_MS = 50.0
PATIENCE = 0.45  # a share of the time: how long it is slow before the quality is lowered
QUALITIES = {"high": 1.0, "low": 0.3}

Pixels = npt.NDArray[np.float32]


class Canvas:
    """Paints items; how often a stroke goes over one is measured, so that every machine is busy."""

    def __init__(self, seed: int) -> None:
        self._noise = np.random.default_rng(seed).random((HEIGHT, WIDTH), np.float32)
        self.pixels: Pixels = np.zeros((VISIBLE * HEIGHT, WIDTH), np.float32)
        self._strokes_per_ms = 1.0
        strokes = 2000
        began_s = time.perf_counter()
        self._paint(0, 0, strokes)
        self._strokes_per_ms = strokes / ((time.perf_counter() - began_s) * 1e3)

    def paint(self, first: int, frame_ms: float) -> None:
        """All items that can be seen, in about so much time."""
        strokes = max(1, round(frame_ms * self._strokes_per_ms / VISIBLE))
        for place in range(VISIBLE):
            self._paint(place, first + place, strokes)

    def _paint(self, place: int, item: int, strokes: int) -> None:
        rows = self.pixels[place * HEIGHT : (place + 1) * HEIGHT]
        rows[:] = item % 97 / 97
        for _ in range(strokes):
            np.multiply(rows, 0.9, out=rows)
            np.add(rows, self._noise, out=rows)


def run(seconds: float, seed: int) -> None:
    """Scroll from the first item to the last in the time there is."""
    canvas = Canvas(seed)
    quality = "high"
    slow_since_s = None
    frames = 0
    began_s = next_s = time.monotonic()
    while (share := (time.monotonic() - began_s) / seconds) < 1:
        has_pictures = PICTURES_FROM < share < PICTURES_UNTIL
        frame_ms = (PICTURE_MS if has_pictures else PLAIN_MS) * QUALITIES[quality]
        first = int(share * (ITEMS - VISIBLE))
        before_s = time.perf_counter()
        canvas.paint(first, frame_ms)
        render_ms = (time.perf_counter() - before_s) * 1e3
        perfkit.event(
            "virtual_scroll_render",
            items_rendered=VISIBLE,
            total_items=ITEMS,
            render_ms=round(render_ms, 3),
            quality_level=quality,
        )
        frames += 1
        now_s = time.monotonic()
        if render_ms < 1000 / FRAMES_PER_S:
            slow_since_s = None
        else:
            slow_since_s = slow_since_s or now_s
            if now_s - slow_since_s > PATIENCE * seconds and quality == "high":
                quality = "low"
                perfkit.event("log", level="warning", message="slow frames: quality lowered")
        if not has_pictures and quality == "low" and share > PICTURES_UNTIL:
            quality = "high"
        next_s = max(next_s + 1 / FRAMES_PER_S, now_s)
        time.sleep(max(0.0, next_s - time.monotonic()))
    print(f"{frames} frames, {frames / seconds:.1f} a second")


if __name__ == "__main__":
    run(
        float(sys.argv[1]) if len(sys.argv) > 1 else 30.0,
        int(sys.argv[2]) if len(sys.argv) > 2 else 1,
    )
