"""Record the sessions of this folder anew: `python sample_data/record.py [NAME …]`.

Each is one real recording on the machine that runs this; README.md says what each shows. The
PostgreSQL one needs its programs (`apt install postgresql`) and, as root, a user `nobody` to run
them; it is left out, with a line, where they are missing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
SECONDS = "40"


def perfkit_record(name: str, *words: str) -> None:
    run = [sys.executable, "-c", "from perfkit.cli import main; main()", "record"]
    # `python3` is the interpreter that runs this, without its path in the recording
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    subprocess.run(
        [*run, "--no-adaptive", "--force", "-o", f"{name}.parquet", *words],
        cwd=HERE,
        env={**os.environ, "PATH": path},
        check=True,
    )


def record_leak() -> None:
    perfkit_record("leak", "--", "python3", "programs/leak.py", SECONDS)


def record_pinned() -> None:
    perfkit_record("pinned", "--", "python3", "programs/pinned.py", SECONDS)


def record_descriptors() -> None:
    perfkit_record("descriptors", "--", "python3", "programs/descriptors.py", SECONDS)


def record_quiet() -> None:
    perfkit_record("quiet", "--", "python3", "programs/quiet.py", SECONDS)


def record_short_lived() -> None:
    perfkit_record("short_lived", "--", "sh", "programs/short_lived.sh", "1000")


def record_example(name: str) -> None:
    """One of examples/, which speak."""
    perfkit_record(name, "--", "python3", f"../examples/{name}.py", SECONDS)


def record_inference() -> None:
    record_example("inference")


def record_web() -> None:
    record_example("web")


def record_cache() -> None:
    record_example("cache")


def record_renderer() -> None:
    record_example("renderer")


def record_postgres() -> None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    binaries = found[-1] if found else Path(shutil.which("postgres") or "").parent
    if not (binaries / "pgbench").exists():
        print("postgres: left out, no PostgreSQL on this machine", file=sys.stderr)
        return
    with _postgres(binaries) as (postmaster, run):
        run("pgbench", "-q", "-i", "-s", "10", "postgres")
        load = run("pgbench", "-c", "4", "-j", "2", "-T", "45", "postgres", wait=False)
        time.sleep(2)
        perfkit_record("postgres", "--pid", str(postmaster.pid), "--duration", f"{SECONDS}s")
        load.wait()


@contextlib.contextmanager
def _postgres(
    binaries: Path,
) -> Iterator[tuple[subprocess.Popen[bytes], Callable[..., subprocess.Popen[bytes]]]]:
    """A server of its own in a temporary folder; yields it and what runs its client programs."""
    # PostgreSQL refuses to run as root, and initdb wants a folder that its user owns.
    user = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        if user:
            shutil.chown(folder, "nobody", "nogroup")
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "PGHOST": folder}
        if user:
            environment["PGUSER"] = "nobody"

        def run(program: str, *words: str, wait: bool = True) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                [binaries / program, *words],
                cwd=folder,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                **user,
            )
            if wait and process.wait() != 0:
                raise SystemExit(f"{program} failed with {process.returncode}")
            return process

        run("initdb", "-D", "data", "--no-sync")
        server = run(
            "postgres", "-D", "data", "-k", folder, "-c", "listen_addresses=",
            "-c", "shared_buffers=64MB", wait=False,
        )  # fmt: skip
        try:
            while run("pg_isready", wait=False).wait() != 0:
                time.sleep(0.2)
            yield server, run
        finally:
            server.terminate()
            server.wait()


SESSIONS = {
    "leak": record_leak,
    "pinned": record_pinned,
    "descriptors": record_descriptors,
    "quiet": record_quiet,
    "short_lived": record_short_lived,
    "postgres": record_postgres,
    "inference": record_inference,
    "web": record_web,
    "cache": record_cache,
    "renderer": record_renderer,
}

if __name__ == "__main__":
    unknown = set(sys.argv[1:]) - set(SESSIONS)
    if unknown:
        raise SystemExit(f"no such session: {', '.join(unknown)}; there are {', '.join(SESSIONS)}")
    for chosen in sys.argv[1:] or SESSIONS:
        SESSIONS[chosen]()
