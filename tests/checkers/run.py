"""Runs httpd with the module under a checker, has it serve a mix of requests, and shows what the checker reports.

    python3 tests/checkers/run.py [--no-reloads] CHECKER      # tsan, memcheck or helgrind

Exit status 1 if there is a report, or if a request was not answered as it should be.
CFAOP_MODULE is the module; for tsan it was built with -fsanitize=thread.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from mix import Mix, Size
from support import environment, installation

# So that a checker takes some minutes: valgrind runs one thread at a time, many times as slowly.
SIZES = {"tsan": Size(1, 300), "memcheck": Size(4, 5), "helgrind": Size(4, 10)}
HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Checker:
    """The command that runs httpd, and its environment. It writes reports, and nothing else, to files in `reports`."""

    under: tuple[str, ...]
    environment: dict[str, str]


def thread_sanitizer(directory: Path, reports: Path) -> Checker:
    atomics = directory / "apr_atomics.so"
    includes = [f"-I{installation.apxs(name)}" for name in ("APR_INCLUDEDIR", "INCLUDEDIR")]
    flags = installation.apxs("EXTRA_CPPFLAGS").split()
    source = str(HERE / "apr_atomics.c")
    subprocess.run(
        ["gcc", "-g", "-O1", "-shared", "-fPIC", "-fsanitize=thread", *flags, *includes, "-o", str(atomics), source], check=True
    )
    options = {
        "suppressions": HERE / "tsan.supp",
        "log_path": reports / "tsan",
        "exitcode": 0,
        "history_size": 4,
        # httpd and its libraries were not compiled for it: their plain reads and writes are not seen, so neither are their races
        "ignore_noninstrumented_modules": 1,
    }
    return Checker(
        # it needs its own place in memory, which randomised addresses may take
        ("setarch", platform.machine(), "--addr-no-randomize"),
        {
            "LD_PRELOAD": f"{environment.tsan_library()}:{atomics}",
            "TSAN_OPTIONS": " ".join(f"{name}={value}" for name, value in options.items()),
        },
    )


def valgrind(tool: str, reports: Path, *options: str) -> Checker:
    # --quiet: what is written are reports
    common = ["--quiet", f"--log-file={reports}/{tool}.%p", f"--suppressions={HERE}/valgrind.supp", "--num-callers=40"]
    # the module is unloaded at a reload, and the server reloads while it is watched
    common += ["--keep-debuginfo=yes", "--fair-sched=yes", "--gen-suppressions=all"]
    return Checker(("valgrind", f"--tool={tool}", *common, *options), {})


def checker(name: str, directory: Path, reports: Path) -> Checker:
    if name == "tsan":
        return thread_sanitizer(directory, reports)
    if name == "memcheck":
        return valgrind("memcheck", reports, "--track-origins=yes", "--leak-check=full", "--show-leak-kinds=definite")
    if name == "helgrind":
        return valgrind("helgrind", reports, "--history-level=approx")
    raise SystemExit(__doc__)


def written(reports: Path) -> list[str]:
    """The text of each file that is not empty."""
    return [text for path in sorted(reports.iterdir()) if (text := path.read_text(errors="replace").strip())]


def main() -> int:
    *options, name = sys.argv[1:] or [""]
    directory = Path(tempfile.mkdtemp(prefix="cfaop-check-"))
    directory.chmod(0o755)
    reports = directory / "reports"
    reports.mkdir()
    reports.chmod(0o777)
    chosen = checker(name, directory, reports)
    size = replace(SIZES[name], reloads=0) if options == ["--no-reloads"] else SIZES[name]
    mix = Mix(directory, chosen.under, chosen.environment, size)
    mix.run()
    found = written(reports)
    for text in [*found, *mix.wrong]:
        print(text)
    crashes = re.findall(r".*exit signal.*", mix.httpd.log.text())
    print(*crashes, sep="\n", end="\n" if crashes else "")
    print(f"{name}: answers: {', '.join(f'{what} {count}' for what, count in sorted(mix.seen.items()))}")
    print(f"{name}: {len(found)} processes with reports, {len(mix.wrong)} wrong answers, {len(crashes)} crashes")
    if environment.keep_files():
        print(directory)
    else:
        shutil.rmtree(directory)
    return 1 if found or mix.wrong or crashes else 0


if __name__ == "__main__":
    sys.exit(main())
