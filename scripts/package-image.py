#!/usr/bin/env python3
"""Prints the steps of a Dockerfile as calls of shell functions, for scripts/package-test, which does them in folders.

    scripts/package-image.py Dockerfile

The functions: stage NAME BASE, run COMMAND, copy_in SOURCE... TARGET, copy_from STAGE SOURCE TARGET, healthcheck COMMAND.
An instruction that it does not know is an error: no step is left out in silence.
"""

import json
import re
import shlex
import sys
from pathlib import Path


def instructions(text):
    """(name, rest) of each instruction, its lines joined."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    for instruction in re.split(r"(?<!\\)\n", "\n".join(lines)):
        name, rest = instruction.replace("\\\n", " ").split(None, 1)
        yield name, rest


def step(name, rest):
    words = rest.split()
    if name == "FROM":
        return ["stage", words[2] if words[1:2] == ["AS"] else "final", words[0]]
    if name == "RUN":
        return ["run", rest]
    if name == "COPY" and words[0].startswith("--from="):
        return ["copy_from", words[0].removeprefix("--from="), *words[1:]]
    if name == "COPY" and not words[0].startswith("--"):
        return ["copy_in", *words]
    if name == "HEALTHCHECK" and words[0] == "CMD":
        return ["healthcheck", shlex.join(json.loads(rest.split(None, 1)[1]))]
    if name == "EXPOSE":
        return None
    raise SystemExit(f"{sys.argv[0]}: no way to do this here: {name} {rest}")


def main():
    for name, rest in instructions(Path(sys.argv[1]).read_text()):
        if words := step(name, rest):
            print(shlex.join(words))


main()
