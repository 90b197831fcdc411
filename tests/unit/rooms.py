#!/usr/bin/env python3
"""Checks who includes whom: the walls between the rooms of this house.

Usage: rooms.py SOURCE_DIR. Prints one line for each include that crosses a wall; exit code 1 then.
"""

import re
import sys
from pathlib import Path

# A file under the first folder (the longest match counts) may include what begins with one of
# these. The C++ standard library and third-party headers in <> are not looked at, save LibTorch's.
ALLOWED = {
    "core": ["core/error.hpp", "trellis/sdk/failure.hpp", "trellis/sdk/json-inl.hpp"],
    "core/include/trellis/abi": ["trellis/abi/"],
    "core/include/trellis/sdk": ["trellis/abi/", "trellis/sdk/"],
    "core/kernels": ["core/kernels/", "core/error.hpp"],
    "core/text": ["core/text/", "core/error.hpp"],
    "core/formats": ["core/formats/", "core/kernels/", "core/text/", "core/error.hpp"],
    "core/grammar": ["core/grammar/", "core/text/", "core/error.hpp"],
    "core/metrics": ["core/metrics/", "core/text/", "core/error.hpp", "core/vector_clones.hpp"],
    "core/plugin": ["core/plugin/", "core/metrics/", "core/text/", "trellis/abi/", "core/error.hpp"],
    "core/decode": ["core/decode/", "core/plugin/", "core/kernels/", "trellis/abi/",
                    "core/text/", "core/error.hpp"],
    "core/nn": ["core/nn/", "core/formats/", "core/text/", "core/kernels/", "trellis/", "core/error.hpp",
                "core/vector_clones.hpp"],
    "storage": ["storage/", "core/metrics/", "core/text/", "core/error.hpp"],
    "reports": ["reports/", "storage/", "core/metrics/", "core/text/", "core/error.hpp"],
    "gui": ["gui/", "reports/comparison.hpp", "reports/ratings.hpp", "storage/", "core/text/", "core/error.hpp"],
    "experiments": ["experiments/", "reports/", "storage/", "core/plugin/", "core/decode/",
                    "core/kernels/targets.hpp", "core/formats/", "core/metrics/", "core/text/", "trellis/abi/", "trellis/sdk/settings.hpp",
                    "core/error.hpp"],
    "plugins": ["plugins/", "trellis/", "core/text/", "core/grammar/", "core/metrics/", "core/kernels/",
                "core/error.hpp"],
    "plugins/models": ["plugins/models/", "trellis/", "core/text/", "core/kernels/", "core/nn/",
                       "core/formats/", "core/error.hpp"],
    "plugins/template": ["trellis/"],
}
TORCH = re.compile(r"(torch|ATen|c10)/")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def room_of(path):
    rooms = [r for r in ALLOWED if str(path).startswith(r + "/")]
    return max(rooms, key=len) if rooms else None


def crossings(source):
    for file in sorted(source.rglob("*")):
        relative = file.relative_to(source)
        room = room_of(relative)
        if room is None or file.suffix not in {".h", ".hpp", ".c", ".cpp"}:
            continue
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            quoted, target = match.group(1) == '"', match.group(2)
            if TORCH.match(target) and room not in ("core/nn", "plugins/models"):
                yield f"{relative}:{number}: {target}: LibTorch belongs to core/nn and plugins/models"
            elif quoted and "/" in target and not target.startswith(tuple(ALLOWED[room])):
                yield f"{relative}:{number}: {target}: {room} may not know it"


if __name__ == "__main__":
    found = list(crossings(Path(sys.argv[1])))
    print("\n".join(found))
    sys.exit(1 if found else 0)
