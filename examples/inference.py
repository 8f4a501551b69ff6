"""A batch job that looks like inference: batches are cut into shards, four workers share them.

The model is three layers of numpy. Every batch waits for the last of its shards, and one worker
still has the kernel that takes a shard row by row: it is always the last, and when batches become
larger for a while its queue grows while the others wait.

    perfkit record -o inference.parquet -- python examples/inference.py [SECONDS [SEED]]
    perfkit query inference.parquet "SELECT labels['worker_id'], avg(duration_ms) FROM events
        WHERE type = 'worker_task_completed' GROUP BY ALL"
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the workers are what runs in parallel

import multiprocessing
import random
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.queues import Queue
from queue import SimpleQueue

import numpy as np
import numpy.typing as npt

import perfkit

Rows = npt.NDArray[np.float32]
Task = tuple[int, int, str, float]
"""Which batch, rows, complexity, and when it was put into the queue."""

WORKERS = 4
OLD_KERNEL = 2  # the worker that nobody has updated
FEATURES, HIDDEN = 128, 128
BATCHES_PER_S = 24
BATCH_SIZES = (4096, 6144, 8192)
BUSY_FROM, BUSY_UNTIL, BUSY_FACTOR = 0.4, 0.65, 3  # shares of the time, and how much larger then
BAD_INPUT = 0.02
IN_FLIGHT = 8


class Model:
    """Weights, and two ways through them."""

    def __init__(self, seed: int) -> None:
        noise = np.random.default_rng(seed)
        shapes = [(FEATURES, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, 10)]
        self.layers = [noise.standard_normal(shape, np.float32) / 16 for shape in shapes]

    def all_at_once(self, rows: Rows) -> Rows:
        """A matrix product a layer."""
        for layer in self.layers:
            rows = np.maximum(rows @ layer, 0)
        return rows

    def row_by_row(self, rows: Rows) -> Rows:
        """The same numbers, by a vector product a row and layer."""
        return np.stack([self.all_at_once(row) for row in rows])


def work(number: int, seed: int, tasks: Queue[Task | None], done: Queue[tuple[int, int]]) -> None:
    """One worker: takes shards until it is told that there are no more."""
    model = Model(seed)
    infer = model.row_by_row if number == OLD_KERNEL else model.all_at_once
    inputs = np.random.default_rng(seed).standard_normal(
        (max(BATCH_SIZES) * BUSY_FACTOR, FEATURES), np.float32
    )
    while (task := tasks.get()) is not None:
        batch, size, complexity, put_s = task
        began_s = time.monotonic()
        classes = 0
        for _ in range(3 if complexity == "high" else 1):
            scores = infer(inputs[:size])
            classes += int(scores.argmax(axis=1).sum())
        perfkit.event(
            "worker_task_completed",
            worker_id=number,
            duration_ms=(time.monotonic() - began_s) * 1e3,
            queue_ms=(began_s - put_s) * 1e3,
            complexity=complexity,
            success=True,
        )
        done.put((batch, classes))


class Job:
    """Cuts batches, hands the shards to the workers and waits for what comes back."""

    def __init__(self, seed: int) -> None:
        self.tasks: list[Queue[Task | None]] = [multiprocessing.Queue() for _ in range(WORKERS)]
        self.done: Queue[tuple[int, int]] = multiprocessing.Queue()
        self.workers = [
            multiprocessing.Process(target=work, args=(number, seed, tasks, self.done))
            for number, tasks in enumerate(self.tasks)
        ]
        for worker in self.workers:
            worker.start()
        self._answers: dict[int, SimpleQueue[int]] = {}
        threading.Thread(target=self._collect, daemon=True).start()

    def process(self, batch: int, size: int, complexity: str, is_bad: bool) -> bool:
        """One batch; returns whether it could be processed."""
        began_s = time.monotonic()
        answers = self._answers[batch] = SimpleQueue()
        try:
            with perfkit.span(
                "ml_processing", batch_size=size, complexity=complexity, worker_count=WORKERS
            ) as span:
                if is_bad:
                    raise ValueError("a batch with holes in it")
                for tasks in self.tasks:
                    tasks.put((batch, size // WORKERS, complexity, time.monotonic()))
                classes = sum(answers.get() for _ in self.tasks)
                span.set(throughput=size / (time.monotonic() - began_s), classes=classes)
        except ValueError:
            return False
        return True

    def end(self) -> None:
        """Let the workers go."""
        for tasks in self.tasks:
            tasks.put(None)
        for worker in self.workers:
            worker.join()

    def _collect(self) -> None:
        while True:
            batch, classes = self.done.get()
            self._answers[batch].put(classes)


def run(seconds: float, seed: int) -> None:
    """Batches as they happen to come, larger ones for a quarter of the time."""
    chance = random.Random(seed)
    job = Job(seed)
    began_s = time.monotonic()
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        batches: list[Future[bool]] = []
        while (share := (time.monotonic() - began_s) / seconds) < 1:
            size = chance.choice(BATCH_SIZES)
            if BUSY_FROM < share < BUSY_UNTIL:
                size *= BUSY_FACTOR
            complexity = "high" if chance.random() < 0.2 else "low"
            is_bad = chance.random() < BAD_INPUT
            batches.append(pool.submit(job.process, len(batches), size, complexity, is_bad))
            time.sleep(chance.expovariate(BATCHES_PER_S))
    job.end()
    print(f"{len(batches)} batches, {sum(not batch.result() for batch in batches)} refused")


if __name__ == "__main__":
    run(
        float(sys.argv[1]) if len(sys.argv) > 1 else 30.0,
        int(sys.argv[2]) if len(sys.argv) > 2 else 1,
    )
