"""Where the directives may stand, what they take, and what virtual hosts make of them; the dump tells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

import pytest

from conftest import Servers
from support.client import fetch
from support.dump import Server, dump_by_name
from support.environment import BUILTIN_CA
from support.httpd import ConfigTest, Httpd
from support.mistakes import place_of
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost

CA_FILE = "CFOriginPullCACertificateFile"
CRL_FILE = "CFOriginPullCARevocationFile"
DEPTH = "CFOriginPullVerifyDepth"
PIN = "CFOriginPullPin"
# Each directive of the module with arguments that it takes.
DIRECTIVES = (
    "CFOriginPull On",
    f"{CA_FILE} builtin",
    f"{CRL_FILE} none",
    f"{DEPTH} 1",
    f"{PIN} dns:edge.test",
    "CFOriginPullExempt path /health",
    "CFOriginPullRemoteIP On",
    "CFOriginPullRefuse close",
    "CFOriginPullExpiryWarning 30",
    "CFOriginPullPeerLimit 16384 100",
    "CFOriginPullSessionTickets Off",
)


@dataclass(frozen=True)
class Bench:
    """A server whose configuration is tested but not started, two CAs a and b, and their CRLs."""

    server: Httpd
    port: int
    tls: Credential
    a: Credential
    b: Credential
    crl_a: Path
    crl_b: Path

    def site(self, name: str, *lines: str) -> str:
        return vhost(self.port, name, *lines, tls=self.tls)

    def test(self, config: str, defines: Sequence[str] = ()) -> ConfigTest:
        self.server.write_config(config)
        return self.server.config_test(defines=defines)

    def dump(self, config: str) -> dict[str, Server]:
        self.server.write_config(config)
        return dump_by_name(self.server)


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    port = free_port()
    server = servers.prepare_httpd("", listen=[port], modules=["macro", "proxy", "rewrite"])
    a, b = pki.root("a"), pki.root("b")
    return Bench(server, port, server_certificate, a, b, a.crl("a"), b.crl("b"))


# Context


@pytest.mark.parametrize("line", DIRECTIVES)
def test_main_server_and_vhost(bench: Bench, line: str) -> None:
    assert bench.test(f"{line}\n" + bench.site("a.test")).ok
    assert bench.test(bench.site("a.test", line)).ok


SECTIONS = (
    "<Directory /srv>",
    '<DirectoryMatch "^/srv">',
    "<Location />",
    '<LocationMatch "^/">',
    "<Files x>",
    '<FilesMatch "x">',
    '<If "true">',
    "<Proxy *>",
    '<ProxyMatch ".*">',
    "<Directory /srv>\n<Files x>",
    "<Directory /srv>\n<Limit GET>",
    "<Location />\n<LimitExcept GET>",
    '<Directory /srv>\n<If "true">',
    '<If "false">\n</If>\n<ElseIf "true">',
    '<If "false">\n</If>\n<Else>',
    "<Directory /srv>\n<RequireAll>",
)


def section(opening: str, line: str) -> str:
    """A line in the section, or the sections, that these lines open."""
    names: list[str] = []
    for word in opening.replace(">", " ").split():
        if word.startswith("</"):
            names.pop()
        elif word.startswith("<"):
            names.append(word[1:])
    return opening + f"\n{line}\n" + "".join(f"</{name}>\n" for name in reversed(names))


def test_sections_take_what_belongs_there(bench: Bench) -> None:
    config = ""
    for opening in SECTIONS:
        config += section(opening, "Require all granted" if "Require" in opening else "SetEnv GREETING hello")
    assert bench.test(config).ok


@pytest.mark.parametrize("opening", SECTIONS)
def test_sections_of_requests_are_too_late(bench: Bench, opening: str) -> None:
    """There is a request only after the handshake."""
    configs = {line: bench.site("a.test", section(opening, line)) for line in DIRECTIVES}
    for line, config in {**configs, "CFOriginPull Off": section(opening, "CFOriginPull Off")}.items():
        outcome = bench.test(config)
        assert outcome.returncode != 0
        assert any(f"{line.split()[0]} {words}" in outcome.stderr for words in ("not allowed", "cannot occur within"))


@dataclass(frozen=True)
class HtaccessBench:
    """A running server whose site's author may override as much as he can."""

    server: Httpd
    port: int

    def status(self, directory: str, line: str) -> int:
        self.server.put(f"{directory}/index.html", "here\n")
        self.server.put(f"{directory}/.htaccess", line + "\n")
        return fetch(self.port, f"/{directory}/", sni="site.test").status


@pytest.fixture(scope="module")
def htaccess(servers: Servers, server_certificate: Credential) -> HtaccessBench:
    port = free_port()
    server = servers.prepare_httpd("", listen=[port])
    names = " ".join(line.split()[0] for line in DIRECTIVES)
    server.write_config(
        vhost(port, "site.test", tls=server_certificate)
        + f"<Directory {server.htdocs}/all>\n  AllowOverride All\n</Directory>\n"
        + f"<Directory {server.htdocs}/list>\n  AllowOverrideList SetEnv {names}\n</Directory>\n"
    )
    server.allow("AH02304: Discarding directive `CFOriginPull")
    return HtaccessBench(server.start(), port)


@pytest.mark.parametrize("line", DIRECTIVES)
@pytest.mark.parametrize("allowed", ("all", "list"))
def test_htaccess(htaccess: HtaccessBench, allowed: str, line: str) -> None:
    """A site's author can neither set the guard up nor switch it off."""
    htaccess.server.allow("AH02304: ")
    assert htaccess.status(allowed, "SetEnv GREETING hello") == 200

    htaccess.server.expect(f"{line.split()[0]} (not allowed here|cannot occur within)")
    assert htaccess.status(allowed, line) == 500


def test_macro(bench: Bench) -> None:
    site = bench.site("$name.test", "CFOriginPull $mode", f"{CA_FILE} $file", f"{DEPTH} $depth")
    config = f"<Macro Site $name $mode $file $depth>\n{site}</Macro>\n"
    config += f"Use Site first On {bench.a.cert_file} 0\nUse Site second Optional {bench.b.cert_file} 3\n"
    vhosts = bench.dump(config)
    first, second = vhosts["first.test"], vhosts["second.test"]
    assert (first.mode, first.origins, first.depth) == ("On", {str(bench.a.cert_file)}, 0)
    assert (second.mode, second.origins, second.depth) == ("Optional", {str(bench.b.cert_file)}, 3)


def test_define(bench: Bench) -> None:
    config = f"Define mode LogOnly\nDefine ca {bench.a.cert_file}\n"
    config += bench.site("a.test", "CFOriginPull ${mode}", f"{CA_FILE} ${{ca}}")
    site = bench.dump(config)["a.test"]
    assert (site.mode, site.origins) == ("LogOnly", {str(bench.a.cert_file)})


def test_ifdefine(bench: Bench) -> None:
    inside = bench.site("a.test", "<IfDefine GUARD>", "CFOriginPull On", "</IfDefine>")
    assert bench.dump(inside)["a.test"].mode == "Off"
    assert bench.dump("Define GUARD\n" + inside)["a.test"].mode == "On"


# Values


@pytest.mark.parametrize("value", ("On", "on", "ON", "Optional", "optional", "LogOnly", "LOGONLY", "Off", "off"))
def test_case_of_a_mode_does_not_matter(bench: Bench, value: str) -> None:
    assert bench.dump(bench.site("a.test", f"CFOriginPull {value}"))["a.test"].mode.lower() == value.lower()


@pytest.mark.parametrize("value", ("builtin", "Builtin", "BUILTIN"))
def test_case_of_builtin_does_not_matter(bench: Bench, value: str) -> None:
    assert bench.dump(bench.site("a.test", "CFOriginPull On", f"{CA_FILE} {value}"))["a.test"].origins == {"builtin"}


@pytest.mark.parametrize("value", range(11))
def test_depths(bench: Bench, value: int) -> None:
    assert bench.dump(bench.site("a.test", "CFOriginPull On", f"{DEPTH} {value}"))["a.test"].depth == value


BAD_VALUES = (
    ("CFOriginPull", "Yes", "On, Optional, LogOnly or Off"),
    ("CFOriginPull", "1", "On, Optional, LogOnly or Off"),
    ("CFOriginPull", "On,", "On, Optional, LogOnly or Off"),
    ("CFOriginPull", '" "', "On, Optional, LogOnly or Off"),
    ("CFOriginPull", "builtin", "On, Optional, LogOnly or Off"),
    (DEPTH, "11", "from 0 to 10"),
    (DEPTH, "-1", "from 0 to 10"),
    (DEPTH, "+1", "from 0 to 10"),
    (DEPTH, "1.5", "from 0 to 10"),
    (DEPTH, "1x", "from 0 to 10"),
    (DEPTH, "0x1", "from 0 to 10"),
    (DEPTH, '" 1"', "from 0 to 10"),
    (DEPTH, "99999999999999999999", "from 0 to 10"),
    (DEPTH, "4294967297", "from 0 to 10"),
    (DEPTH, "none", "from 0 to 10"),
)


@pytest.mark.parametrize(("directive", "value", "allowed"), BAD_VALUES)
def test_bad_value_is_refused_with_directive_value_and_what_is_allowed(
    bench: Bench, directive: str, value: str, allowed: str
) -> None:
    outcome = bench.test(bench.site("a.test", f"{directive} {value}"))
    assert outcome.returncode != 0
    where, _, message = outcome.stderr.rstrip("\n").partition("\n")
    file, number = place_of(bench.server, f"{directive} {value}").rsplit(":", 1)
    assert where == f"AH00526: Syntax error on line {number} of {file}:"
    shown = value.strip('"')
    assert message.startswith(f"{directive}: '{shown}' is not a ")
    assert allowed in message


WRONG_NUMBERS = (
    "CFOriginPull",
    'CFOriginPull ""',
    "CFOriginPull On Off",
    CA_FILE,
    CRL_FILE,
    f'{CRL_FILE} ""',
    DEPTH,
    f"{DEPTH} 1 2",
)


@pytest.mark.parametrize("line", WRONG_NUMBERS)
def test_number_of_values(bench: Bench, line: str) -> None:
    outcome = bench.test(bench.site("a.test", line))
    assert outcome.returncode != 0
    assert f"{line.split()[0]} " in outcome.stderr


# Merging


def test_nothing_said_is_off(bench: Bench) -> None:
    servers = bench.dump(bench.site("a.test"))
    assert {server.mode for server in servers.values()} == {"Off"}


def test_defaults(bench: Bench) -> None:
    site = bench.dump(bench.site("a.test", "CFOriginPull On"))["a.test"]
    assert (site.mode, site.depth, site.origins, site.crls) == ("On", 1, {"builtin"}, ())


def test_everything_is_inherited(bench: Bench) -> None:
    main = f"CFOriginPull LogOnly\n{CA_FILE} {bench.a.cert_file}\n{CRL_FILE} {bench.crl_a}\n{DEPTH} 4\n"
    servers = bench.dump(main + bench.site("heir.test"))
    heir = servers["heir.test"]
    assert (heir.mode, heir.depth, heir.origins) == ("LogOnly", 4, {str(bench.a.cert_file)})
    assert [crl.origin for crl in heir.crls] == [str(bench.crl_a)]
    assert servers["httpd.test"].digest == heir.digest


def test_each_directive_is_inherited_for_itself(bench: Bench) -> None:
    main = f"CFOriginPull On\n{CA_FILE} {bench.a.cert_file}\n{CRL_FILE} {bench.crl_a}\n{DEPTH} 4\n"
    config = main + bench.site("mode.test", "CFOriginPull Optional")
    config += bench.site("ca.test", f"{CA_FILE} {bench.b.cert_file}")
    config += bench.site("crl.test", f"{CRL_FILE} {bench.crl_b}")
    config += bench.site("depth.test", f"{DEPTH} 0")
    servers = bench.dump(config)

    def said(name: str) -> tuple[str, set[str], set[str], int]:
        site = servers[name]
        return site.mode, site.origins, {crl.origin for crl in site.crls}, site.depth

    a, b = str(bench.a.cert_file), str(bench.b.cert_file)
    crl_a, crl_b = str(bench.crl_a), str(bench.crl_b)
    assert said("httpd.test") == ("On", {a}, {crl_a}, 4)
    assert said("mode.test") == ("Optional", {a}, {crl_a}, 4)
    assert said("ca.test") == ("On", {b}, {crl_a}, 4)
    assert said("crl.test") == ("On", {a}, {crl_b}, 4)
    assert said("depth.test") == ("On", {a}, {crl_a}, 0)


def test_off_in_a_vhost_beats_on_in_the_main_server(bench: Bench) -> None:
    servers = bench.dump("CFOriginPull On\n" + bench.site("off.test", "CFOriginPull Off") + bench.site("on.test"))
    assert (servers["off.test"].mode, servers["on.test"].mode) == ("Off", "On")


def test_main_server_may_say_it_after_the_vhosts(bench: Bench) -> None:
    servers = bench.dump(bench.site("a.test") + f"CFOriginPull On\n{DEPTH} 5\n")
    assert (servers["a.test"].mode, servers["a.test"].depth) == ("On", 5)


def test_last_value_wins(bench: Bench) -> None:
    lines = ["CFOriginPull Off", "CFOriginPull On", f"{DEPTH} 3", f"{DEPTH} 2"]
    site = bench.dump(bench.site("a.test", *lines))["a.test"]
    assert (site.mode, site.depth) == ("On", 2)


def test_repeating_a_list_adds_to_it(bench: Bench) -> None:
    a, b = str(bench.a.cert_file), str(bench.b.cert_file)
    lists = [f"{CA_FILE} {a} builtin {b}", f"{CRL_FILE} {bench.crl_a} {bench.crl_b}"]
    config = bench.site("one-line.test", "CFOriginPull On", *lists)
    config += bench.site(
        "three-lines.test",
        "CFOriginPull On",
        *(f"{CA_FILE} {word}" for word in (a, "builtin", b)),
        *(f"{CRL_FILE} {path}" for path in (bench.crl_a, bench.crl_b)),
    )
    servers = bench.dump(config)
    for name in ("one-line.test", "three-lines.test"):
        assert servers[name].origins == {a, b, "builtin"}
        assert {crl.origin for crl in servers[name].crls} == {str(bench.crl_a), str(bench.crl_b)}


def test_list_without_builtin_does_not_trust_it(bench: Bench) -> None:
    site = bench.dump(bench.site("a.test", "CFOriginPull On", f"{CA_FILE} {bench.a.cert_file}"))["a.test"]
    assert site.origins == {str(bench.a.cert_file)}


def test_vhosts_list_replaces_the_inherited_one(bench: Bench) -> None:
    main = f"CFOriginPull On\n{CA_FILE} {bench.a.cert_file}\n{CRL_FILE} {bench.crl_a}\n"
    own = [f"{CA_FILE} {bench.b.cert_file}", f"{CRL_FILE} {bench.crl_b}", f"{CA_FILE} builtin"]
    servers = bench.dump(main + bench.site("own.test", *own) + bench.site("heir.test"))
    assert servers["own.test"].origins == {str(bench.b.cert_file), "builtin"}
    assert [crl.origin for crl in servers["own.test"].crls] == [str(bench.crl_b)]
    assert servers["heir.test"].origins == servers["httpd.test"].origins == {str(bench.a.cert_file)}


@pytest.mark.parametrize("none", ("none", "None", "NONE"))
def test_none_empties_a_list(bench: Bench, none: str) -> None:
    main = f"CFOriginPull On\n{CA_FILE} builtin\n{CRL_FILE} {bench.crl_a}\n"
    config = main + bench.site("no-crl.test", f"{CRL_FILE} {none}")
    config += bench.site("begun-again.test", f"{CA_FILE} {bench.a.cert_file} {none} {bench.b.cert_file}")
    config += bench.site("added-after.test", f"{CRL_FILE} {bench.crl_a} {none}", f"{CRL_FILE} {bench.crl_b}")
    servers = bench.dump(config)
    assert servers["no-crl.test"].crls == ()
    assert servers["httpd.test"].crls != ()
    assert servers["begun-again.test"].origins == {str(bench.b.cert_file)}
    assert [crl.origin for crl in servers["added-after.test"].crls] == [str(bench.crl_b)]


def test_vhosts_do_not_change_the_main_server_or_each_other(bench: Bench) -> None:
    """httpd gives a vhost without directives of a module the main server's very configuration, unless told not to."""
    main = f"CFOriginPull On\n{CA_FILE} {bench.a.cert_file}\n"
    config = main + bench.site("silent.test")
    config += bench.site("loud.test", f"{CA_FILE} builtin", f"{DEPTH} 7", "CFOriginPull Optional")
    servers = bench.dump(config + bench.site("silent-too.test"))
    for name in ("httpd.test", "silent.test", "silent-too.test"):
        assert (servers[name].mode, servers[name].depth, servers[name].origins) == ("On", 1, {str(bench.a.cert_file)})


# Equal content is one policy


def test_same_content_in_another_file_is_the_same_policy(bench: Bench, pki: Pki) -> None:
    copy = pki.file("copy-of-a.pem", b"A comment.\n\n" + bench.a.cert_pem)
    config = bench.site("a.test", "CFOriginPull On", f"{CA_FILE} {bench.a.cert_file}")
    config += bench.site("copy.test", "CFOriginPull On", f"{CA_FILE} {copy}")
    servers = bench.dump(config)
    a, copied = servers["a.test"], servers["copy.test"]
    assert a.digest == copied.digest != ""
    assert a.shared_with == (f"copy.test:{bench.port}",)
    assert copied.shared_with == (f"a.test:{bench.port}",)


def test_order_doubles_and_mode_do_not_matter(bench: Bench, pki: Pki) -> None:
    a, b, both = bench.a.cert_file, bench.b.cert_file, pki.bundle("both", bench.b, bench.a, bench.b)
    crl = f"{CRL_FILE} {bench.crl_a} {bench.crl_b}"
    config = bench.site("one.test", "CFOriginPull On", f"{CA_FILE} {a} {b}", crl)
    config += bench.site("two.test", "CFOriginPull Optional", f"{CA_FILE} {b} {a} {a}", crl)
    reverse = f"{CRL_FILE} {bench.crl_b} {bench.crl_a}"
    config += bench.site("three.test", "CFOriginPull LogOnly", f"{CA_FILE} {both}", reverse)
    config += bench.site("four.test", "CFOriginPull On", f"{CA_FILE} {both} {a}", crl, f"{DEPTH} 1")
    servers = bench.dump(config)
    sites = [servers[f"{name}.test"] for name in ("one", "two", "three", "four")]
    assert len({site.digest for site in sites}) == 1
    assert all(len(site.certificates) == 2 and len(site.shared_with) == 3 for site in sites)


def test_builtin_is_the_published_file(bench: Bench) -> None:
    config = bench.site("builtin.test", "CFOriginPull On")
    config += bench.site("file.test", "CFOriginPull On", f"{CA_FILE} {BUILTIN_CA}")
    servers = bench.dump(config)
    assert servers["builtin.test"].digest == servers["file.test"].digest


def test_whatever_judges_otherwise_is_another_policy(bench: Bench) -> None:
    ca = f"{CA_FILE} {bench.a.cert_file}"
    variants = {
        "plain": [ca],
        "depth": [ca, f"{DEPTH} 2"],
        "crl": [ca, f"{CRL_FILE} {bench.crl_a}"],
        "other-crl": [ca, f"{CRL_FILE} {bench.crl_b}"],
        "two-crls": [ca, f"{CRL_FILE} {bench.crl_a} {bench.crl_b}"],
        "two-cas": [ca, f"{CA_FILE} {bench.b.cert_file}"],
        "other-ca": [f"{CA_FILE} {bench.b.cert_file}"],
        "builtin": [],
        "pin": [ca, f"{PIN} dns:edge.test"],
        "other-pin": [ca, f"{PIN} dns:other.test"],
    }
    config = "".join(bench.site(f"{name}.test", "CFOriginPull On", *lines) for name, lines in variants.items())
    servers = bench.dump(config)
    sites = [servers[f"{name}.test"] for name in variants]
    assert len({site.digest for site in sites}) == len(variants)
    assert all(site.shared_with == ("none",) for site in sites)


def test_new_content_under_the_old_path_is_another_policy(bench: Bench, pki: Pki) -> None:
    path = pki.file("changing.pem", bench.a.cert_pem)
    config = bench.site("a.test", "CFOriginPull On", f"{CA_FILE} {path}")
    before = bench.dump(config)["a.test"].digest
    assert before == bench.dump(config)["a.test"].digest
    path.write_bytes(bench.b.cert_pem)
    assert before != bench.dump(config)["a.test"].digest


def test_off_vhosts_share_nothing(bench: Bench) -> None:
    servers = bench.dump(bench.site("on.test", "CFOriginPull On") + bench.site("off.test", "CFOriginPull Off"))
    assert servers["on.test"].shared_with == ("none",)
    assert servers["off.test"].digest == ""
