"""A server whose open descriptors take a course, under an RLIMIT_NOFILE that is its capacity."""

from __future__ import annotations

import errno
import resource
from collections.abc import Sequence

from perfkit.lab.followed import Followed, tell, until_the_end
from perfkit.lab.holdings import Descriptors


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    followed = Followed.of("descriptors", words)
    rig = followed.rig
    limit = rig.rng.randrange(120, 400)
    followed.work()
    rig.sleep(0.2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    watches = followed.watches("fds_count", limit, limit="RLIMIT_NOFILE", whole=True)
    descriptors = Descriptors()

    def step() -> None:
        try:
            tell(watches, descriptors.hold(min(followed.level(), 1.1) * limit))
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise
            watches[0].reached()

    until_the_end(rig, step)


if __name__ == "__main__":
    main()
