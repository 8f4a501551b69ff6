"""A server whose clients come and stay for a while: descriptors rise and fall at random."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Sequence

from perfkit.lab.noise import jitter
from perfkit.lab.rig import Rig
from perfkit.lab.service import Outcome, serve


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    rig, _ = Rig.of("connection_churn", words, seconds=720.0)

    def handle(rng: random.Random, _now_s: float) -> Outcome:
        time.sleep(0.005 * jitter(rng))
        return Outcome()

    serve(rig, handle, per_s=15)
    rng = rig.stream("clients")
    clients: list[tuple[float, socket.socket, socket.socket]] = []
    while rig.running:
        rig.sleep(min(1.0, rng.expovariate(3.0)))
        now_s = rig.now_s()
        for _, here, there in [one for one in clients if one[0] <= now_s]:
            here.close()
            there.close()
        clients = [one for one in clients if one[0] > now_s]
        clients.append((now_s + rng.expovariate(1 / 12), *socket.socketpair()))
    rig.finish()


if __name__ == "__main__":
    main()
