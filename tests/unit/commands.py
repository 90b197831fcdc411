#!/usr/bin/env python3
"""Checks that every command and flag of `trellis` that a README names exists.

Usage: commands.py TRELLIS SOURCE_DIR. Prints one line for each that does not; exit code 1 then.
"""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

# In code: a command with what follows it, or a flag alone.
CODE = re.compile(r"^```(?:sh|bash)\n(.*?)^```|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^|[\s/=])(?:\$|build/release/bin/)?trellis (?!-)([^#|>\n]*)", re.MULTILINE)

FLAG = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")


@cache
def help_of(program, *command):
    result = subprocess.run([program, *command, "--help"], capture_output=True, text=True, check=True)
    return result.stdout


def subcommands(text):
    _, _, rest = text.partition("Subcommands:\n")
    return {line.split()[0] for line in rest.splitlines() if line.startswith("  ")}


def flags(text):
    return set(FLAG.findall(text))


def mistakes(program, words):
    """What is wrong with one command, given as its words after `trellis`."""
    command = []
    text = help_of(program)
    known = flags(text)
    while names := subcommands(text):
        if len(command) == len(words):
            return
        command.append(words[len(command)])
        if command[-1] not in names:
            yield f"trellis {' '.join(command)}: there is no such command"
            return
        text = help_of(program, *command)
        known |= flags(text)
    for word in words:
        if FLAG.fullmatch(word) and word not in known:
            yield f"trellis {' '.join(command)}: there is no flag {word}"


def all_flags(program):
    found = flags(help_of(program))
    for name in subcommands(help_of(program)):
        text = help_of(program, name)
        found |= flags(text)
        for inner in subcommands(text):
            found |= flags(help_of(program, name, inner))
    return found


def check(program, source):
    known = all_flags(program)
    for page in sorted(source.rglob("README.md")):
        if "build" in page.relative_to(source).parts:
            continue
        text = page.read_text(encoding="utf-8")
        for match in CODE.finditer(text):
            code = match.group(match.lastindex)
            begin = match.start(match.lastindex)

            def where(at):
                return f"{page.relative_to(source)}:{text.count(chr(10), 0, begin + at) + 1}"

            for command in COMMAND.finditer(code):
                for mistake in mistakes(program, command.group(1).split()):
                    yield f"{where(command.start(1))}: {mistake}"
            if FLAG.fullmatch(code) and code not in known:
                yield f"{where(0)}: no command of trellis has the flag {code}"


if __name__ == "__main__":
    found = list(check(sys.argv[1], Path(sys.argv[2])))
    print("\n".join(found))
    sys.exit(1 if found else 0)
