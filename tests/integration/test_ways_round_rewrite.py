"""Virtual hosts beside the guarded one, and mod_rewrite: which of its rules redirect everything, as CFAOP131 has it. What plain HTTP answers
shows that the warning is true, and that there is no warning where nothing is served."""

from __future__ import annotations

import pytest

from support.client import connect_plain, fetch
from support.ports import free_port
from support.response import Response
from support.vhost import vhost
from support.ways_round import AWAY, ENGINE, TO_TLS, Bench, bench, started, zone

GOES_ON = "RewriteRule ^(.*)$ https://www.test$1 [R=301,NE]"
WITHOUT_R = "RewriteRule ^ https://www.test%{REQUEST_URI}"
FRONT = "RewriteRule ^ /index.html [L]"


def answer(bench: Bench, path: str = "/index.html") -> Response:
    with connect_plain(bench.plain) as client:
        return client.request(path, host="www.test")


def page(bench: Bench) -> bytes:
    """The site, as the edge gets it."""
    return fetch(bench.tls, "/index.html", sni="www.test", credential=bench.edge).body


# After a redirect without [L], mod_rewrite goes on with the URL of the target


@pytest.mark.parametrize(
    "lines",
    [
        (GOES_ON, FRONT),
        (WITHOUT_R, FRONT),
        (GOES_ON, "RewriteCond %{REQUEST_FILENAME} !-f", FRONT),
        (GOES_ON, "RewriteRule ^ /index.html [PT]"),
        (GOES_ON, "RewriteRule ^ - [E=A:b]", r"RewriteRule /index\.html$ /index.html"),
        (GOES_ON, "RewriteRule ^/?(.*)$ https://www.test/ [R=301]", FRONT),
        (GOES_ON, "RewriteRule ^/(.*)$ https://www.test/ [R=301,L]", FRONT),
        (GOES_ON, "RewriteRule ^/x|index /index.html [L]"),
        (GOES_ON, "RewriteRule ^/?(.+)$ /index.html [L]"),
        (GOES_ON, "RewriteRule ^/*(.+)$ /index.html [L]"),
        (GOES_ON, "RewriteRule ^/x - [C]", "RewriteRule ^ - [R=404]", "RewriteRule ^ /index.html"),
        ("RewriteRule index https://www.test/ [R=301]", "RewriteRule ^/(.*)$ https://www.test/ [R=301,L]", FRONT),
    ],
)
def test_redirect_that_a_later_rule_undoes(bench: Bench, lines: tuple[str, ...]) -> None:
    """The status is that of the redirect, and the body is that of the site."""
    server = started(bench.server(bench.guarded() + bench.twin(ENGINE, *lines)), warns=True)
    given = answer(bench)
    assert given.status in (200, 301, 302) and not given.header("location") and given.body == page(bench)
    server.stop()


@pytest.mark.parametrize("condition", ("", "RewriteCond %{HTTP:Upgrade} websocket [NC]\n"))
def test_redirect_that_a_later_rule_proxies(bench: Bench, condition: str) -> None:
    backend = free_port()
    rule = f"{condition}RewriteRule ^ http://127.0.0.1:{backend}/index.html [P]"
    config = bench.guarded() + bench.twin(ENGINE, GOES_ON, rule) + vhost(backend, "backend.test")
    server = started(bench.server(config, "proxy", "proxy_http", more=(backend,)), warns=True)
    with connect_plain(bench.plain) as client:
        given = client.request("/", host="www.test", headers=[("Upgrade", "websocket")])
    assert given.body == page(bench)
    server.stop()


@pytest.mark.parametrize(
    "lines",
    [
        (GOES_ON,),
        (WITHOUT_R,),
        (GOES_ON, "RewriteRule ^/index /index.html [L]"),
        (GOES_ON, r"RewriteRule ^\/(.*)$ /index.html [PT]"),
        (GOES_ON, "RewriteRule ^ - [L]"),
        (GOES_ON, "RewriteRule ^ - [END]", FRONT.replace("^", "^/")),
        (GOES_ON, "RewriteRule ^ - [E=A:b]"),
        (GOES_ON, "RewriteCond %{HTTPS} on", FRONT),
        (GOES_ON, 'RewriteCond expr "%{HTTPS} == \'on\'"', FRONT),
        (GOES_ON, TO_TLS, FRONT),
        (GOES_ON, "RewriteRule ^/(.*)$ https://www.test/ [R=301]"),
        (GOES_ON, "RewriteCond %{HTTP_HOST} =www.test", TO_TLS),
        (GOES_ON.replace("NE]", "NE,L]"), FRONT),
        (GOES_ON.replace("NE]", "NE,END]"), FRONT),
    ],
)
def test_redirect_that_no_later_rule_undoes(bench: Bench, lines: tuple[str, ...]) -> None:
    server = started(bench.server(bench.guarded() + bench.twin(ENGINE, *lines)), warns=False)
    for path in ("/", "/index.html"):
        assert (answer(bench, path).header("location") or "").startswith("https://www.test/")
    server.stop()


@pytest.mark.parametrize("option", ("Inherit", "InheritBefore"))
def test_redirect_that_an_inherited_rule_undoes(bench: Bench, option: str) -> None:
    """Before the redirect, an inherited rule that goes on serves nothing."""
    serves = option == "Inherit"
    main = f"{ENGINE}\n" + ("RewriteRule ^ /index.html\n" if serves else "RewriteRule ^ - [E=A:b]\n")
    server = bench.server(main + bench.guarded("RewriteOptions IgnoreInherit") + bench.twin(ENGINE, f"RewriteOptions {option}", GOES_ON))
    started(server, warns=serves)
    assert (answer(bench).header("location") is None) is serves
    server.stop()


ANYTHING = "RewriteRule ^/(.*)$ https://www.test/$1 [R=301,L]"


@pytest.mark.parametrize("options, serves", [("", False), ("RegexDefaultOptions -DOLLAR_ENDONLY", False), ("RegexDefaultOptions none", True)])
@pytest.mark.parametrize(
    "away",
    (
        (ENGINE, ANYTHING),
        ("RedirectMatch permanent ^/(.*)$ https://www.test/$1",),
        ('<LocationMatch "^/.*$">', "Require all denied", "</LocationMatch>"),
    ),
)
def test_pattern_that_ends_at_a_line_break(bench: Bench, away: tuple[str, ...], options: str, serves: bool) -> None:
    """Without DOTALL, which is httpd's default, a dot matches no line break: a client can put one into the path."""
    config = f"{options}\nAcceptPathInfo On\n" + bench.guarded() + bench.twin(*away)
    server = started(bench.server(config), warns=serves)
    server.allow("AH01630: ")
    assert answer(bench).status in (301, 403)
    assert (answer(bench, "/index.html/%0Ax").body == page(bench)) is serves
    server.stop()


@pytest.mark.parametrize("pattern", ("^", "^/", "^/(.*)", ".*", ".?", "^.?", "^/?.*", "(.*)$", "^(/.*)"))
def test_pattern_that_a_line_break_does_not_end(bench: Bench, pattern: str) -> None:
    config = "RegexDefaultOptions none\nAcceptPathInfo On\n" + bench.guarded() + bench.twin(ENGINE, f"RewriteRule {pattern} https://www.test/ [R=301,L]")
    server = started(bench.server(config), warns=False)
    assert answer(bench, "/index.html/%0Ax").status == 301
    server.stop()


# How mod_rewrite reads flags


@pytest.mark.parametrize(
    "lines",
    [
        ("RewriteRule ^/index - [PT]", TO_TLS),
        ("RewriteRule ^/index - [passthrough]", TO_TLS),
        ("RewriteRule ^ - [R=301,L]",),
        ("RewriteRule ^ - [R=301,L]", TO_TLS),
        ("RewriteRule ^ - [R]",),
        ('RewriteRule ^ - "[E=A:b F c]"',),
        ('RewriteRule ^ /index.html "[E=A:b R b,L]"',),
    ],
)
def test_flags_that_answer_nothing(bench: Bench, lines: tuple[str, ...]) -> None:
    server = started(bench.server(bench.guarded() + bench.twin(ENGINE, *lines)), warns=True)
    given = answer(bench)
    assert (given.status, given.body) == (200, page(bench))
    server.stop()


@pytest.mark.parametrize(
    "lines, status",
    [
        (("RewriteRule ^ - [R=301]", TO_TLS), 301),
        (("RewriteRule ^ https://www.test/ [R=found,L]",), 302),
        (("RewriteRule ^ https://www.test/ [r=Permanent,l]",), 301),
        (("RewriteRule ^ https://www.test/ [redirect=seeother,last]",), 303),
        (('RewriteRule ^ https://www.test/ "[ NE , R=301 , L ]"',), 301),
        (('RewriteRule ^ - "[E=A:b PT c]"', TO_TLS), 301),
        (("RewriteRule ^ /index.html [F]",), 403),
        (("RewriteRule ^ - [R=200,R=404]",), 404),
        (("RewriteRule ^ /index.html [F,R=301]",), 301),
        (("RewriteCond %{HTTPS} ^off", TO_TLS), 301),
        (("RewriteCond %{HTTPS} !^on", TO_TLS), 301),
        (("RewriteCond expr \"%{HTTPS} == 'off'\"", TO_TLS), 301),
        (("RewriteCond %{HTTPS} on", "RewriteRule ^ - [L]", TO_TLS), 301),
    ],
)
def test_flags_and_conditions_that_answer_all(bench: Bench, lines: tuple[str, ...], status: int) -> None:
    server = started(bench.server(bench.guarded() + bench.twin(ENGINE, *lines)), warns=False)
    assert [answer(bench, path).status for path in ("/", "/index.html")] == [status] * 2
    server.stop()


@pytest.mark.parametrize("flags, status", [("[R=404,R=200]", 200), ("[F,R=200,L]", 200), ("[R=200,R=404]", 404), ("[G,R=503]", 503)])
def test_last_status_counts(bench: Bench, flags: str, status: int) -> None:
    """200 is none of those that refuse."""
    server = started(bench.server(bench.guarded() + bench.twin(ENGINE, f"RewriteRule ^ - {flags}")), warns=status == 200)
    assert answer(bench).status == status
    server.stop()


def test_redirect_that_is_passed_through(bench: Bench) -> None:
    """No module takes a URL with a host for a path."""
    server = started(bench.server(bench.guarded() + bench.twin(ENGINE, "RewriteRule ^ https://www.test/ [R=301,PT]", FRONT)), warns=False)
    server.allow("AH00126")
    assert answer(bench).status == 400
    server.stop()


@pytest.mark.parametrize(
    "conditions",
    [
        ("RewriteCond expr \"%{HTTPS} == 'on'\"",),
        ("RewriteCond %{HTTPS} ^on",),
        ("RewriteCond %{ENV:HTTPS} !=on",),
        ("RewriteCond %{HTTPS} on [OR]", "RewriteCond %{HTTP_USER_AGENT} old"),
    ],
)
def test_conditions_that_may_be_false(bench: Bench, conditions: tuple[str, ...]) -> None:
    """Of %{ENV:HTTPS}, SetEnvIf can make what the client says."""
    env = ("SetEnvIf X-Forwarded-Proto https HTTPS=on",)
    server = started(bench.server(bench.guarded() + bench.twin(*env, ENGINE, *conditions, TO_TLS), "setenvif"), warns=True)
    with connect_plain(bench.plain) as client:
        given = client.request("/index.html", host="www.test", headers=[("X-Forwarded-Proto", "https")])
    assert (given.status, given.body) == (200, page(bench))
    server.stop()


@pytest.mark.parametrize("conditions", [("%{HTTPS} on [OR]", "%{REQUEST_URI} ^/index"), ("%{REQUEST_URI} ^/index [OR]", "%{HTTPS} on")])
def test_condition_of_another_scheme_has_an_alternative(bench: Bench, conditions: tuple[str, ...]) -> None:
    lines = (*(f"RewriteCond {condition}" for condition in conditions), "RewriteRule ^ - [L]", TO_TLS)
    server = started(bench.server(bench.guarded() + bench.twin(ENGINE, *lines)), warns=True)
    assert (answer(bench).status, answer(bench).body) == (200, page(bench))
    server.stop()


# mod_rewrite does nothing in a virtual host that has no directive of it


@pytest.mark.parametrize("option", ("Inherit", "InheritBefore", "InheritDown", "InheritDownBefore"))
@pytest.mark.parametrize(
    "own, serves",
    [
        ((), True),
        (("<Location /x>", "RewriteEngine on", "</Location>"), False),
        (("RewriteMap lower int:tolower",), False),
        (("# RewriteEngine on",), True),
    ],
)
def test_rules_that_are_handed_down(bench: Bench, option: str, own: tuple[str, ...], serves: bool) -> None:
    main = f"{ENGINE}\nRewriteOptions {option}\nRewriteCond %{{HTTPS}} off\n{TO_TLS}\n"
    server = started(bench.server(main + bench.guarded() + bench.twin(*own)), warns=serves)
    assert answer(bench).status == (200 if serves else 301)
    server.stop()


# Sections switch the engine, which is asked for before the rules


IN_SECTION = f"<Location /index.html>\n{ENGINE}\n</Location>\n"


@pytest.mark.parametrize(
    "main, lines, serves",
    [
        ("", (IN_SECTION, "RewriteRule ^ /index.html [L]", AWAY), True),
        ("", (IN_SECTION.replace(ENGINE, 'RewriteEngine "On"'), "RewriteRule ^ /index.html [L]", AWAY), True),
        (IN_SECTION, ("RewriteRule ^ /index.html [L]", AWAY), True),
        ("", ("RewriteRule ^ /index.html [L]", AWAY), False),
        ("", (IN_SECTION, TO_TLS), True),
        ("", (IN_SECTION, TO_TLS, AWAY), False),
    ],
)
def test_engine_that_a_section_switches_on(bench: Bench, main: str, lines: tuple[str, ...], serves: bool) -> None:
    server = started(bench.server(main + bench.guarded() + bench.twin(*lines)), warns=serves)
    assert (200 in [answer(bench, path).status for path in ("/", "/index.html")]) is serves
    server.stop()
