"""A queue and the workers that empty it; every task tells how long it waited and how long it took."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable

import perfkit
from perfkit.lab.noise import jitter
from perfkit.lab.rig import Rig


class Pool:
    """Workers that take tasks in order of arrival.

    workers: how many there are; task_s: what a task takes on average.
    seen: told the wait of every finished task, in ms.
    """

    def __init__(
        self,
        rig: Rig,
        *,
        workers: int,
        task_s: float,
        seen: Callable[[float], None] | None = None,
    ) -> None:
        self._rig = rig
        self._tasks: queue.SimpleQueue[float] = queue.SimpleQueue()
        self._per_s = workers / task_s
        self._task_s = task_s
        self._seen = seen
        for number in range(workers):
            rig.go(lambda number=number: self._work(number))  # type: ignore[misc]

    def feed(self, utilisation: Callable[[float], float]) -> None:
        """Hand in tasks until the run ends, at utilisation(now) of what the workers can do."""
        rng = self._rig.stream("tasks")
        due_s = told_s = self._rig.now_s()
        while self._rig.running:
            due_s += rng.expovariate(self._per_s * max(0.01, utilisation(due_s)))
            self._rig.sleep_until(due_s)
            self._tasks.put(self._rig.now_s())
            if due_s - told_s >= 0.25:
                told_s = due_s
                perfkit.gauge("queue_depth", self._tasks.qsize())

    def _work(self, number: int) -> None:
        rng = self._rig.stream(f"worker {number}")
        while self._rig.running:
            try:
                came_s = self._tasks.get(timeout=0.2)
            except queue.Empty:
                continue
            began_s = self._rig.now_s()
            time.sleep(self._task_s * jitter(rng, 0.2))
            queue_ms = 1000 * (began_s - came_s)
            perfkit.event(
                "worker_task_completed",
                worker_id=number,
                duration_ms=1000 * (self._rig.now_s() - began_s),
                queue_ms=queue_ms,
                success=True,
            )
            if self._seen is not None:
                self._seen(queue_ms)
