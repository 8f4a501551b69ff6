"""What `perfkit --help` costs beside the `--help` of a bare typer application. Limit: 1.3 times.

    python benchmarks/help.py [--runs N]

Both are whole processes of this interpreter, interleaved in one run, and measured in CPU time. The
bare application has one command with one option, and plain help as perfkit has.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys

LIMIT = 1.3

BARE = """
import typer

app = typer.Typer(rich_markup_mode=None)

@app.command()
def hello(name: str = "world") -> None:
    print(name)

app()
"""
PERFKIT = "from perfkit.cli import main; main()"


def cpu_s(code: str) -> float:
    """CPU seconds of a fresh interpreter that shows the help of the application in code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code, "--help"], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=25)
    options = parser.parse_args()
    cpu_s(BARE), cpu_s(PERFKIT)  # fill the file cache
    bare, perfkit = [], []
    for _ in range(options.runs):
        bare.append(cpu_s(BARE))
        perfkit.append(cpu_s(PERFKIT))
    ratio = statistics.median(a / b for a, b in zip(perfkit, bare, strict=True))
    print(f"bare typer --help   {1000 * statistics.median(bare):.0f} ms CPU")
    print(f"perfkit --help      {1000 * statistics.median(perfkit):.0f} ms CPU")
    print(f"ratio {ratio:.2f} (limit {LIMIT}; median of {options.runs} pairs)")


if __name__ == "__main__":
    main()
