"""All benchmarks of this project with one command: `python tests/benchmarks/run.py [--json FILE] [PART...]`.

Every module beside this one that has `PARTS`, functions that yield rows by their name, takes part. A row is a ratio
that was taken within one run, so a slow machine changes it little. Prints a table as it goes, and writes JSON.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def parts() -> dict[str, Callable[[], Iterator[Any]]]:
    """Every part of every module, as `module.part`."""
    sys.path.insert(0, str(HERE))
    found = {}
    for file in sorted(HERE.glob("*.py")):
        if file.name != "run.py":
            module = importlib.import_module(file.stem)
            found.update({f"{file.stem}.{name}": part for name, part in getattr(module, "PARTS", {}).items()})
    return found


def main() -> int:
    """Run what was named, or everything; 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="a module, or one of its parts; everything by default")
    parser.add_argument("--json", metavar="FILE", type=Path)
    parser.add_argument("--list", action="store_true", help="name the parts")
    options = parser.parse_args()
    known = parts()
    if options.list:
        print(*known, sep="\n")
        return 0
    unknown = [name for name in options.parts if not any(one == name or one.startswith(f"{name}.") for one in known)]
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}; there are {', '.join(known)}")
    wanted = [one for one in known if not options.parts or one in options.parts or one.split(".")[0] in options.parts]
    rows: list[dict[str, Any]] = []
    for name in wanted:
        print(name, flush=True)
        began = time.monotonic()
        for row in known[name]():
            rows.append({"part": name, **row._asdict()})
            verdict = "kept" if row.kept else "EXCEEDED"
            print(f"  {row.subject:62} {row.ratio:9.3f} of {row.limit:6.2f}  {verdict:9} {row.note}", flush=True)
        print(f"  ({time.monotonic() - began:.0f} s)", flush=True)
    if options.json is not None:
        machine = {"system": platform.platform(), "python": platform.python_version(), "load": list(os.getloadavg())}
        options.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2) + "\n")
    return 0 if all(row["kept"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
