"""`python -m bench`: run the measures and print the table."""

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from bench.measures import MEASURES
from bench.rounds import FULL, QUICK, Bench
from bench.subjects import ALL, DEFAULT, Unmeasured
from bench.table import Row, render


def some_of(known: Collection[str]) -> Callable[[str], list[str]]:
    """Give a reader of comma-separated names out of `known`."""

    def read(text: str) -> list[str]:
        names = text.split(",")
        if unknown := set(names).difference(known):
            raise argparse.ArgumentTypeError(f"no {', '.join(sorted(unknown))}; there are {', '.join(known)}")
        return names

    return read


def main() -> None:
    """Measure what the command line asks for. Leaves no process and no file behind, however it ends."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the emulator beside its peers.")
    parser.add_argument("--quick", action="store_true", help="under 2 minutes instead of under 10: rougher figures")
    parser.add_argument("--only", type=some_of(MEASURES), default=list(MEASURES), metavar="MEASURE,...")
    default = [subject.name for subject in DEFAULT]
    parser.add_argument("--subjects", type=some_of(ALL), default=default, metavar="SUBJECT,...")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

    rows: list[Row] = []
    began = time.monotonic()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        bench = Bench([ALL[name]() for name in options.subjects], QUICK if options.quick else FULL, scratch, stack)
        for name in options.only:
            print(f"{time.monotonic() - began:5.0f} s  {name}", file=sys.stderr)
            try:
                rows += MEASURES[name](bench)
            except Unmeasured as error:
                bench.note("all", name, error)
    print(f"{time.monotonic() - began:5.0f} s  done", file=sys.stderr)

    print(render(rows, options.subjects, bench.notes()))
    if options.json:
        document = {"rows": [asdict(row) for row in rows], "notes": bench.notes()}
        options.json.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
