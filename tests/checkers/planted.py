"""Faults that the checkers must notice: scripts/check --planted.

    python3 tests/checkers/planted.py TREE CHECKER     # breaks that tree, and prints the file that the report must name
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Fault:
    """Texts that stand once in a file, each with what replaces it."""

    file: str
    replacements: tuple[tuple[str, str], ...]


_UNINITIALISED = Fault("src/pure/address.c", (("    int port = 0;\n", "    int port;\n"),))
_UNLOCKED = Fault(
    "src/trust/memo.c",
    (
        ("return shard && apr_thread_mutex_trylock(shard->mutex) == APR_SUCCESS ? shard : NULL;", "return shard;"),
        ("    apr_thread_mutex_unlock(shard->mutex);\n", "    (void)shard;\n"),
    ),
)
_FREED_TOO_EARLY = Fault(
    "src/config/pin.c",
    (
        ("    if (length > 0 && EVP_Digest(der,", "    OPENSSL_free(der);\n    if (length > 0 && EVP_Digest(der,"),
        ("    OPENSSL_free(der);\n    return same;\n", "    return same;\n"),
    ),
)

FAULTS = {
    "analyzer": _UNINITIALISED,
    "tidy": _UNINITIALISED,
    "cppcheck": _UNINITIALISED,
    "tsan": _UNLOCKED,
    "memcheck": _FREED_TOO_EARLY,
    "helgrind": _UNLOCKED,
}


def broken(text: str, fault: Fault) -> str:
    for old, new in fault.replacements:
        if text.count(old) != 1:
            raise ValueError(f"{fault.file} has this {text.count(old)} times: {old}")
        text = text.replace(old, new)
    return text


def main() -> None:
    tree, checker = sys.argv[1:]
    fault = FAULTS[checker]
    path = Path(tree) / fault.file
    path.write_text(broken(path.read_text(), fault))
    print(fault.file)


if __name__ == "__main__":
    main()
