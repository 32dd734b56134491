"""Starting and reloading servers of many virtual hosts: processor time of the parent process, and its memory."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator, Sequence

from bench.certificates import BUNDLE, Certificates
from bench.measure import cpu_microseconds, memory_kib
from bench.servers import KINDS, Server

COUNTS = (1, 100, 1000, 10000)


@dataclass(frozen=True)
class Series:
    """Servers that differ in the number of their virtual hosts only."""

    key: str
    server: str
    trusted: str  # one: the same CA in all; own: a CA for each; bundle: Debian's CAs in all
    largest: int = 10000

    @property
    def title(self) -> str:
        words = {"one": ", one policy", "own": ", as many policies as virtual hosts", "bundle": ", a bundle of CAs"}
        return KINDS[self.server].title + (words[self.trusted] if KINDS[self.server].asks else "")

    def cas(self, number: int, certificates: Certificates) -> list[Path]:
        if self.trusted == "own":
            return certificates.own_cas(number)
        return [BUNDLE if self.trusted == "bundle" else certificates.ca] * number


# What the goals compare.
DECISIVE = ("httpd", "cfaop-one")

ALL_SERIES = [
    Series("nginx", "nginx-none", "one"),
    Series("nginx-one", "nginx-own", "one"),
    Series("nginx-own", "nginx-own", "own"),
    Series("httpd", "httpd-none", "one"),
    Series("httpd-one", "httpd-own", "one"),
    Series("httpd-own", "httpd-own", "own"),
    Series("cfaop-one", "httpd-cfaop", "one"),
    Series("cfaop-own", "httpd-cfaop", "own"),
    Series("nginx-bundle", "nginx-own", "bundle", largest=100),
    Series("httpd-bundle", "httpd-own", "bundle", largest=100),
    Series("cfaop-bundle", "httpd-cfaop", "bundle"),
]


@dataclass(frozen=True)
class Start:
    """Seconds of the parent's processor time, and KiB of its memory after each."""

    start: float
    graceful: float
    kib: int
    kib_graceful: int


Starts = dict[str, dict[int, list[Start]]]


def measure_starts(
    directory: Path,
    certificates: Certificates,
    rounds: Callable[[int, Series], int],
    counts: Sequence[int] = COUNTS,
    *,
    all_bundles: bool = False,
) -> Iterator[Starts]:
    """Series -> number of virtual hosts -> what each round found; again, with more of them, after each number of virtual hosts, the last
    of which takes as long as all others. The series take turns within a round.
    """
    found: Starts = {series.key: {} for series in ALL_SERIES}
    for number in counts:
        series_there = [one for one in ALL_SERIES if number <= one.largest or all_bundles and number <= 1000]
        print(f"  {number} virtual host{'s' if number > 1 else ''}", flush=True)
        for turn in range(max(rounds(number, series) for series in series_there)):
            for series in _rotated([one for one in series_there if turn < rounds(number, one)], turn):
                start = _start(directory / "starts", series, series.cas(number, certificates), certificates)
                found[series.key].setdefault(number, []).append(start)
        yield found


def _rotated(series: list[Series], turn: int) -> Iterator[Series]:
    shift = turn % len(series)
    yield from series[shift:] + series[:shift]


def _start(directory: Path, series: Series, cas: Sequence[Path], certificates: Certificates) -> Start:
    shutil.rmtree(directory, ignore_errors=True)
    server = Server(KINDS[series.server], directory, certificates.server, cas).start()
    try:
        assert server.process is not None
        parent = server.process.pid
        started, kib = cpu_microseconds([parent]), memory_kib(parent)
        server.graceful()
        reloaded, kib_graceful = cpu_microseconds([parent]), memory_kib(parent)
    finally:
        server.kill()
    return Start(started / 1e6, (reloaded - started) / 1e6, kib, kib_graceful)
