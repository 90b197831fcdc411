#!/usr/bin/env python3
"""Checks that every plugin library exports the entry and nothing else.

Usage: symbols.py FOLDER ... Prints one line for each fault; exit code 1 then.
"""

import subprocess
import sys
from pathlib import Path

ENTRY = "trellis_plugin_entry"


def exported(library):
    command = ["nm", "-D", "--defined-only", "--format=posix", str(library)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {line.split()[0] for line in lines}


def faults(folders):
    libraries = [p for folder in folders for p in sorted(Path(folder).glob("*.so"))]
    if not libraries:
        yield f"{' '.join(folders)}: no plugin libraries: build first"
    for library in libraries:
        symbols = exported(library)
        if ENTRY not in symbols:
            yield f"{library}: does not export {ENTRY}"
        for symbol in sorted(symbols - {ENTRY}):
            yield f"{library}: exports {symbol}, which should be hidden"


if __name__ == "__main__":
    found = list(faults(sys.argv[1:]))
    print("\n".join(found))
    sys.exit(1 if found else 0)
