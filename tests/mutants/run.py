"""Breaks the module on purpose, one line at a time, and says whether the tests notice.

    python3 tests/mutants/run.py [WORD...]     # only breakages whose name has one of the words

Works on a copy of the source tree. Exit status 1 if a breakage went unnoticed, or no longer fits the code.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Iterable

from mutants import MUTANTS, Mutant

TOP = Path(__file__).resolve().parents[2]


def run(words: list[str], tree: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=tree, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def copy_of_tree(to: Path) -> None:
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=TOP, capture_output=True, check=True
    )
    for name in names.stdout.decode().split("\0"):
        if name and (TOP / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TOP / name, to / name)


def configure(tree: Path) -> None:
    for words in (["autoreconf", "-fi"], ["./configure"], ["make", "-s", "mod_cfaop.la"]):
        done = run(words, tree)
        if done.returncode:
            sys.exit(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")


def unit_test_fails(tree: Path, name: str) -> bool:
    program = f"tests/unit/{name}"
    built = run(["make", "-s", program], tree)
    if built.returncode:
        sys.exit(f"{program} cannot be built:\n{built.stdout}{built.stderr}")
    return run([f"./{program}"], tree).returncode != 0


def integration_tests_fail(tree: Path, names: list[str]) -> bool:
    files = [f"tests/integration/{name}.py" for name in names]
    done = run(
        ["/usr/bin/pytest-3", "-q", "-x", "-n", "2", "--dist", "loadfile", "-p", "no:cacheprovider", *files],
        tree,
        CFAOP_MODULE=str(tree / ".libs" / "mod_cfaop.so"),
    )
    if done.returncode == 0:
        return False
    if not re.search(r"^(FAILED|ERROR) tests/", done.stdout, re.MULTILINE):
        sys.exit(f"the tests did not run:\n{done.stdout}{done.stderr}")
    return True


def tests_fail(tree: Path, tests: Iterable[str]) -> bool:
    units = [name for name in tests if (tree / f"tests/unit/{name}.c").is_file()]
    modules = [name for name in tests if (tree / f"tests/integration/{name}.py").is_file()]
    return any(unit_test_fails(tree, name) for name in units) or (bool(modules) and integration_tests_fail(tree, modules))


def verdict(tree: Path, mutant: Mutant) -> str:
    """`noticed`, or what is wrong."""
    source = tree / mutant.file
    good = source.read_text()
    if good.count(mutant.old) != 1:
        return f"STALE: its line is {good.count(mutant.old)} times in {mutant.file}"
    source.write_text(good.replace(mutant.old, mutant.new))
    try:
        built = run(["make", "-s", "mod_cfaop.la"], tree)
        if built.returncode:
            return "STALE: it does not compile"
        return "noticed" if tests_fail(tree, mutant.tests) else "NOT NOTICED"
    finally:
        source.write_text(good)


def main() -> int:
    chosen = [m for m in MUTANTS if not sys.argv[1:] or any(word in m.name for word in sys.argv[1:])]
    if not chosen:
        sys.exit("no breakage has such a name")
    unnoticed = 0
    with tempfile.TemporaryDirectory(prefix="cfaop-mutants-") as directory:
        tree = Path(directory)
        tree.chmod(0o755)
        copy_of_tree(tree)
        configure(tree)
        if tests_fail(tree, sorted({name for mutant in chosen for name in mutant.tests})):
            sys.exit("the tests fail without a breakage, too")
        for mutant in chosen:
            result = verdict(tree, mutant)
            unnoticed += result != "noticed"
            print(f"{result:12} {mutant.file:20} {mutant.name}", flush=True)
    print(f"{len(chosen) - unnoticed} noticed, {unnoticed} not")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
