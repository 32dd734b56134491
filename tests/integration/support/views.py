"""What a server has counted, by its three views: the status page, "?auto" and the metrics. They must agree.

    before = numbers(port)
    ...
    assert since(before, numbers(port)) == {"on.test:443": {"handshake verified": 1, "allowed none": 1}}
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from support import metrics, status_page
from support.client import connect_plain
from support.response import Response
from support.vhost import vhost

MODULES = ("status",)
# A server that is counting all the time would be read for ever.
_TRIES = 20
# Virtual host -> what happened -> how often; only what did happen.
Numbers = dict[str, dict[str, int]]


def watching(port: int, *lines: str) -> str:
    """A virtual host without TLS or guard, where the three are to be had."""
    here = [
        *lines,
        f"<Location {status_page.PATH}>\n    SetHandler server-status\n  </Location>",
        f"<Location {metrics.PATH}>\n    SetHandler cf-origin-pull-metrics\n  </Location>",
    ]
    return vhost(port, "watch.test", "CFOriginPull Off", *here)


@dataclass(frozen=True)
class Views:
    """The three of them, at a time when nothing else happened."""

    page: status_page.Page
    keys: status_page.Keys
    metrics: metrics.Metrics
    body: str

    @property
    def numbers(self) -> Numbers:
        return _of_metrics(self.metrics)


def look(port: int) -> Views:
    """All three, which must tell the same. If anything was counted in between, they are read again."""
    for _ in range(_TRIES):
        before = metrics.parse(_get(port, metrics.PATH).text)
        views = _read(port)
        if _of_metrics(before) == views.numbers:
            break
    _compare(views)
    return views


def _read(port: int) -> Views:
    html = _get(port, status_page.PATH)
    auto = _get(port, f"{status_page.PATH}?auto")
    body = _get(port, metrics.PATH)
    return Views(
        status_page.parse_page(html.text), status_page.parse_keys(auto.text), metrics.parse(body.text), body.text
    )


def numbers(port: int) -> Numbers:
    return look(port).numbers


def since(before: Numbers, now: Numbers) -> Numbers:
    """What was added; no number may have become smaller."""
    changes: Numbers = {}
    for label in {*before, *now}:
        old, new = before.get(label, {}), now.get(label, {})
        assert all(new.get(what, 0) >= count for what, count in old.items()), (label, old, new)
        added = {what: count - old.get(what, 0) for what, count in new.items() if count != old.get(what, 0)}
        if added:
            changes[label] = added
    return changes


def _get(port: int, path: str) -> Response:
    with connect_plain(port) as client:
        answer = client.request(path, host="watch.test")
    assert answer.status == 200, (path, answer)
    return answer


def _of_metrics(scraped: metrics.Metrics) -> Numbers:
    found: Numbers = {}
    for (label, result, resumed), count in scraped.family("handshakes_total").items():
        assert resumed == "false" or (result, resumed) == ("verified", "true")
        found.setdefault(label, {})[f"handshake {'resumed' if resumed == 'true' else result}"] = count
    for (label, result, reason), count in scraped.family("requests_total").items():
        found.setdefault(label, {})[f"{result} {reason}"] = count
    return found


def _compare(views: Views) -> None:
    exact = views.numbers
    for label in {*exact, *views.page.rows, *views.keys.vhosts}:
        entry = exact.get(label, {})
        _assert_same(entry, views.page.rows[label], views.keys.vhosts[label], label)
        assert views.keys.modes[label] == views.page.rows[label].mode
    whole: Counter[str] = Counter()
    for entry in exact.values():
        whole.update(entry)
    _assert_same(dict(whole), views.page.whole, views.keys.whole, "whole server")


def _assert_same(exact: dict[str, int], row: status_page.Row, keys: dict[str, int], label: str) -> None:
    assert row.numbers == _sums(exact), (label, row, exact)
    refusals = {what: count for what, count in exact.items() if what.split(" ")[0] in ("refused", "would_refuse")}
    assert row.reasons == refusals, (label, row, exact)
    reasons = {what: count for what, count in exact.items() if not what.startswith("handshake") and not what.endswith(" none")}
    assert keys == {**_sums(exact), **reasons}, (label, keys, exact)


def _sums(exact: dict[str, int]) -> dict[str, int]:
    sums = {f"handshake {name}": exact.get(f"handshake {name}", 0) for name in status_page.HANDSHAKES}
    for result in status_page.RESULTS:
        sums[result] = sum(count for what, count in exact.items() if what.startswith(f"{result} "))
    return sums
