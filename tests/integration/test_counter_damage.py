"""A child that is no longer what it was writes over the shared memory of the counters: the pages leave out what cannot be.

mod_scribbler stands for it. It finds the memory as the module does, and writes there what its query says.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

import pytest

from conftest import Servers
from support import metrics
from support.client import connect_plain, fetch
from support.foreign_module import compile_module
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost
from support.views import MODULES, Views, look, watching

DAY = 24 * 60 * 60
MOST = 2**48

_SOURCE = r"""
#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_protocol.h"
#include "apr_strings.h"
#include <stdlib.h>
#include <string.h>

/* As in the module's src/stats/counters.c. */
typedef struct {
    apr_uint32_t magic;
    apr_uint32_t format;
    apr_size_t size;
    unsigned char *shared;
    int vhost_room;
    int anchor_room;
} table;

#define HANDSHAKES 4
#define REQUESTS   (4 * 12)

/* As in its include/cfaop_counters.h. */
typedef struct {
    apr_uint64_t handshakes[HANDSHAKES];
    apr_uint64_t requests[REQUESTS];
    apr_uint32_t leaf_version;
    apr_uint32_t leaf_since;
    apr_uint64_t leaf_last_seen;
    apr_int64_t leaf_not_after;
    apr_int64_t unused;
    unsigned char sha256[32];
    char subject[256];
} numbers;

typedef struct {
    apr_uint64_t connections;
    apr_uint64_t last_used;
} anchor;

/* /scribble?WHAT=NUMBER writes to all virtual hosts, or trusted certificates, in use: the first is "other". */
static int scribble(request_rec *r)
{
    static unsigned char *kept;
    table **retained = NULL, *t;
    const char *value;
    numbers *n;
    anchor *a;
    apr_uint64_t number;
    int i, k;

    if (!r->uri || strcmp(r->uri, "/scribble") || !r->args || !(value = strchr(r->args, '='))) {
        return DECLINED;
    }
    retained = ap_retained_data_get("mod_cfaop counters");
    t = *retained;
    number = strtoull(++value, NULL, 0);
    n = (numbers *)t->shared;
    a = (anchor *)(n + t->vhost_room);
    if ((unsigned char *)(a + t->anchor_room) != t->shared + t->size) {
        return HTTP_INTERNAL_SERVER_ERROR; /* not the layout that this knows */
    }
    if (!kept) {
        kept = malloc(t->size);
        memcpy(kept, t->shared, t->size);
    }
    if (!strncmp(r->args, "restore", 7)) {
        memcpy(t->shared, kept, t->size);
        free(kept);
        kept = NULL;
    }
    else if (!strncmp(r->args, "fill", 4)) {
        memset(t->shared, (int)number, t->size);
    }
    for (i = 0; i < 3; ++i) {
        if (!strncmp(r->args, "counters", 8)) {
            for (k = 0; k < HANDSHAKES; ++k) {
                n[i].handshakes[k] = number;
            }
            for (k = 0; k < REQUESTS; ++k) {
                n[i].requests[k] = number;
            }
            a[i].connections = number;
        }
        else if (!strncmp(r->args, "used", 4)) {
            a[i].last_used = number;
        }
        else if (!strncmp(r->args, "seen", 4)) {
            n[i].leaf_last_seen = number;
        }
        else if (!strncmp(r->args, "ends", 4)) {
            n[i].leaf_not_after = (apr_int64_t)number;
        }
        else if (!strncmp(r->args, "version", 7)) {
            n[i].leaf_version = (apr_uint32_t)number;
        }
        else if (!strncmp(r->args, "since", 5)) {
            n[i].leaf_since = (apr_uint32_t)number;
        }
        else if (!strncmp(r->args, "subject", 7)) {
            memset(n[i].subject, (int)number, sizeof(n[i].subject));
        }
        else if (!strncmp(r->args, "byte", 4)) {
            n[i].subject[3] = (char)number;
        }
    }
    ap_rputs("scribbled\n", r);
    return OK;
}

static void register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_handler(scribble, NULL, NULL, APR_HOOK_FIRST);
}

AP_DECLARE_MODULE(scribbler) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks};
"""


@dataclass(frozen=True)
class Bench:
    httpd: Httpd
    port: int
    watch: int
    edge: Credential

    @property
    def label(self) -> str:
        return f"on.test:{self.port}"

    def scribble(self, what: str, number: int = 0) -> None:
        with connect_plain(self.watch) as client:
            assert client.request(f"/scribble?{what}={number & (2**64 - 1):#x}", host="watch.test").text == "scribbled\n"

    def look(self) -> Views:
        """All three views, read by strict readers that know no negative number; and promtool's opinion."""
        views = look(self.watch)
        assert metrics.promtool_complaints(views.body) == ""
        return views

    def leaves(self, views: Views) -> set[str]:
        listed = {subject for kind, subject, _ in views.metrics.family("certificate_not_after_timestamp_seconds") if kind == "leaf"}
        keyed = {leaf["LeafSubject"] for leaf in views.keys.leaves.values() if leaf}
        shown = {row.leaf.split(" ")[1].splitlines()[0] for row in views.page.rows.values() if row.leaf}
        assert listed == keyed == shown
        return listed


@pytest.fixture(scope="module")
def server(servers: Servers, directory: Path, pki: Pki, server_certificate: Credential) -> Bench:
    """One process: what it keeps to restore is there for the next request."""
    port, watch, ca = free_port(), free_port(), pki.root("ca")
    lines = ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca.cert_file}"]
    config = f"LoadModule scribbler_module {compile_module(directory, 'scribbler', _SOURCE)}\n"
    config += "ServerLimit 1\nMaxRequestWorkers 16\nMinSpareThreads 1\nMaxSpareThreads 16\n"
    config += watching(watch) + vhost(port, "on.test", *lines, tls=server_certificate)
    config += vhost(port, "second.test", *lines, tls=server_certificate)
    httpd = servers.httpd(config, listen=[port, watch], modules=MODULES, mpm="worker")
    bench = Bench(httpd, port, watch, ca.issue("edge"))
    httpd.allow_refusals()
    assert [fetch(port, sni="on.test", credential=bench.edge).status, fetch(port, sni="on.test").status] == [200, 400]
    return bench


@pytest.fixture
def bench(server: Bench) -> Iterator[Bench]:
    """Its memory is whole before the test and after it."""
    server.httpd.allow_refusals()
    yield server
    server.scribble("restore")
    assert server.look().numbers[server.label]["handshake verified"] >= 1


def test_control_what_can_be_is_shown(bench: Bench) -> None:
    assert bench.leaves(bench.look()) == {"CN=edge"}
    for number in (7, MOST // 3):  # there are three virtual hosts: "other", too
        bench.scribble("counters", number)
        views = bench.look()
        assert set(views.numbers[bench.label].values()) == {number}
        assert number in views.metrics.family("ca_connections_total").values()
        assert views.page.whole.numbers["allowed"] == 3 * 12 * number


def test_largest_number_that_can_be(bench: Bench) -> None:
    bench.scribble("counters", MOST)
    with connect_plain(bench.watch) as client:
        scraped = metrics.parse(client.request(metrics.PATH, host="watch.test").text)
    assert set(scraped.family("requests_total").values()) == {MOST}


@pytest.mark.parametrize("number", (MOST + 1, 2**62, 2**63 - 1, 2**63, -1, -7), ids=hex)
def test_number_that_cannot_be_counted_is_left_out(bench: Bench, number: int) -> None:
    bench.scribble("counters", number)
    views = bench.look()
    assert views.numbers == {} and set(views.page.whole.numbers.values()) == {0}
    assert views.metrics.family("ca_connections_total") == {}
    assert fetch(bench.port, sni="on.test", credential=bench.edge).status == 200


@pytest.mark.parametrize("byte", (0x01, 0x20, 0x22, 0x41, 0x7F, 0x80, 0xFE, 0xFF), ids=hex)
def test_memory_full_of_one_byte(bench: Bench, byte: int) -> None:
    """Zero bytes are an empty table; these are none. The server serves, and goes on to count."""
    bench.scribble("fill", byte)
    views = bench.look()
    assert views.numbers == {} and bench.leaves(views) == set()
    assert views.metrics.family("ca_last_used_timestamp_seconds") == {}
    assert [fetch(bench.port, sni="on.test", credential=bench.edge).status, fetch(bench.port, sni="on.test").status] == [200, 400]


def test_time_of_the_last_use(bench: Bench) -> None:
    now = int(time.time())
    bench.scribble("used", now - DAY)
    assert set(bench.look().metrics.family("ca_last_used_timestamp_seconds").values()) == {now - DAY}
    for number in (now + 2 * DAY, 2**40, 2**62, 2**63, -1):
        bench.scribble("used", number)
        views = bench.look()
        assert views.metrics.family("ca_last_used_timestamp_seconds") == {}, number
        assert {group["LastUsed"] for group in views.keys.cas.values()} == {"0"}
        assert {row.last_used for row in views.page.certificates} == {"never"}


def test_leaf_that_cannot_have_been_shown(bench: Bench) -> None:
    now = int(time.time())
    bench.scribble("seen", now - DAY)
    assert bench.leaves(bench.look()) == {"CN=edge"}
    for number in (now + 2 * DAY, 2**40, 2**62, 2**63, -1, 0):
        bench.scribble("seen", number)
        assert bench.leaves(bench.look()) == set(), number


@pytest.mark.parametrize("number", (0, -1, -(2**62), 2**63, 253402300800, 2**62), ids=str)
def test_leaf_that_cannot_have_been_accepted(bench: Bench, number: int) -> None:
    bench.scribble("ends", number)
    assert bench.leaves(bench.look()) == set()


@pytest.mark.parametrize("byte", (0x01, 0x0A, 0x22, 0x5C, 0x80, 0xFF), ids=hex)
def test_subject_that_is_not_escaped(bench: Bench, byte: int) -> None:
    bench.scribble("byte", byte)
    assert bench.leaves(bench.look()) == set()


def test_subject_without_an_end(bench: Bench) -> None:
    """It is cut where its room ends."""
    bench.scribble("subject", ord("A"))
    assert bench.leaves(bench.look()) == {"A" * 255}


@pytest.mark.parametrize("since", (0, 2**32 - 1), ids=("long", "from-the-future"))
@pytest.mark.parametrize("version", (1, 2**32 - 1), ids=hex)
def test_leaf_that_is_being_written_for_ever(bench: Bench, version: int, since: int) -> None:
    bench.scribble("version", version)
    bench.scribble("since", since)
    assert bench.leaves(bench.look()) == set()
    assert fetch(bench.port, sni="on.test", credential=bench.edge).status == 200
    assert bench.leaves(bench.look()) == {"CN=edge"}
