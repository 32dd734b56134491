"""`apache2 -t` and a first start refuse each mistake with one line that says what to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Sequence

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from conftest import Servers
from support import environment
from support.damage import DAMAGES
from support.httpd import ConfigTest, Httpd, StartFailure
from support.mistakes import only_line, other_openssl, our_lines, place_of
from support.pki import DAY, Credential, Pki, common_name, name_attribute
from support.ports import free_port
from support.vhost import vhost

CA_FILE = "CFOriginPullCACertificateFile"
CRL_FILE = "CFOriginPullCARevocationFile"
TAGS = {CA_FILE: "CFAOP103", CRL_FILE: "CFAOP104"}
COPY_AGAIN = "copy the file again"


@dataclass(frozen=True)
class Bench:
    """A server that is not started: its configuration is tested, with one guarded vhost or more."""

    server: Httpd
    port: int
    tls: Credential
    root: Credential
    crl: Path
    pki: Pki

    def test(self, *lines: str, before: str = "", defines: Sequence[str] = ()) -> ConfigTest:
        """`-t` with these lines in a TLS vhost."""
        self.server.write_config(before + vhost(self.port, "guarded.test", *lines, tls=self.tls))
        return self.server.config_test(defines=defines)

    def good(self, directive: str) -> bytes:
        return self.root.cert_pem if directive == CA_FILE else self.crl.read_bytes()

    def bad(self, directive: str) -> bytes:
        """What belongs to the other directive."""
        return self.good(CRL_FILE if directive == CA_FILE else CA_FILE)


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    port = free_port()
    root = pki.root("root")
    return Bench(servers.prepare_httpd("", listen=[port]), port, server_certificate, root, root.crl("good"), pki)


def test_good_files_are_accepted_in_silence(bench: Bench) -> None:
    bundle = bench.pki.bundle("two", bench.root, bench.pki.root("second"))
    for lines in ([f"{CA_FILE} builtin {bundle}"], [f"{CA_FILE} {bench.root.cert_file}", f"{CRL_FILE} {bench.crl}"]):
        outcome = bench.test("CFOriginPull On", *lines)
        assert outcome.ok
        assert our_lines(outcome.stderr) == []


# Files that are not what they should be. One run tests them all, each in a vhost of its own.


@dataclass(frozen=True)
class BadFile:
    """A file's content, made for a directive, and the words that say what is wrong and what to do."""

    name: str
    content: Callable[[Bench, str], bytes]
    words: str


def bundle_with(damage: Callable[[bytes], bytes], at: int) -> Callable[[Bench, str], bytes]:
    """Three blocks, of which one is broken."""

    def content(bench: Bench, directive: str) -> bytes:
        good = bench.good(directive)
        return b"".join(damage(good) if number == at else good for number in range(3))

    return content


def as_der(bench: Bench, directive: str) -> bytes:
    if directive == CA_FILE:
        return bench.root.der
    return x509.load_pem_x509_crl(bench.good(directive)).public_bytes(serialization.Encoding.DER)


def request_pem(bench: Bench, _: str) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(common_name("request"))
    return builder.sign(bench.root.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def comments(bench: Bench, directive: str) -> bytes:
    return b"\n".join(line for line in bench.good(directive).splitlines() if b"-----" not in line)


BAD_FILES = (
    BadFile("empty", lambda bench, directive: b"", "is empty"),
    BadFile("white-space", lambda bench, directive: b" \n\n", "holds no PEM block"),
    BadFile("junk", lambda bench, directive: b"not what you are looking for\n" * 9, "holds no PEM block"),
    BadFile("zeros", lambda bench, directive: bytes(4096), "holds no PEM block"),
    BadFile("only-base64", comments, "holds no PEM block"),
    BadFile("only-a-key", lambda bench, directive: bench.root.key_pem, "holds a private key and no"),
    BadFile("only-a-request", request_pem, "holds no"),
    BadFile("der", as_der, "is DER, not PEM: convert it"),
    BadFile("cut-off", lambda bench, directive: DAMAGES["cut-off"](bench.good(directive)), "is cut off or broken"),
    BadFile("other-kind", lambda bench, directive: bench.bad(directive), "instead"),
    BadFile("both-kinds", lambda bench, directive: bench.good(directive) + bench.bad(directive), "instead"),
    *(
        BadFile(f"bundle-{name}-{at + 1}-of-3", bundle_with(damage, at), COPY_AGAIN)
        for name, damage in DAMAGES.items()
        for at in range(3)
    ),
)


@pytest.fixture(scope="module", params=TAGS)
def complaints(request: pytest.FixtureRequest, bench: Bench) -> tuple[str, Httpd, list[str]]:
    """A directive, and what is said of each bad file in it."""
    directive = request.param
    config = ""
    for bad in BAD_FILES:
        path = bench.pki.file(f"{bad.name}.{TAGS[directive]}", bad.content(bench, directive))
        config += vhost(bench.port, f"{bad.name}.test", "CFOriginPull On", f"{directive} {path}", tls=bench.tls)
    bench.server.write_config(config)
    outcome = bench.server.config_test()
    assert outcome.returncode != 0
    return directive, bench.server, our_lines(outcome.stderr)


@pytest.mark.parametrize("bad", BAD_FILES, ids=lambda bad: bad.name)
def test_bad_file_is_refused_with_one_line(complaints: tuple[str, Httpd, list[str]], bad: BadFile) -> None:
    directive, server, lines = complaints
    file = f"/{bad.name}.{TAGS[directive]}"

    (line,) = [line for line in lines if f"{file} " in line]

    assert line.startswith(f"{TAGS[directive]}: {directive}: file /")
    assert bad.words in line
    assert line.endswith(f"({place_of(server, file)})")


@pytest.mark.parametrize("directive", TAGS)
def test_bad_file_alone_ends_the_test_with_its_line_only(bench: Bench, directive: str) -> None:
    path = bench.pki.file("junk.alone", b"junk\n")
    line = only_line(bench.test("CFOriginPull On", f"{directive} {path}"))
    assert line.startswith(f"{TAGS[directive]}: {directive}: file {path} holds no PEM block")


@pytest.mark.parametrize("directive", TAGS)
def test_missing_file(bench: Bench, directive: str) -> None:
    path = bench.pki.directory / "nowhere.pem"
    line = only_line(bench.test("CFOriginPull On", f"{directive} {path}"))
    assert line == (
        f"{TAGS[directive]}: {directive}: file {path} does not exist: create it or correct the path"
        f" ({place_of(bench.server, directive)})"
    )


@pytest.mark.parametrize("directive", TAGS)
def test_relative_path_begins_at_the_server_root(bench: Bench, directive: str) -> None:
    line = only_line(bench.test("CFOriginPull On", f"{directive} conf/nowhere.pem"))
    assert f"file {bench.server.directory}/conf/nowhere.pem does not exist" in line

    (bench.server.directory / "here.pem").write_bytes(bench.good(directive))
    assert bench.test("CFOriginPull On", f"{directive} here.pem").ok


@pytest.mark.parametrize("directive", TAGS)
@pytest.mark.parametrize(
    ("path", "words"), (("/dev", "is a directory: name the PEM file itself"), ("/dev/null", "is not a regular file"))
)
def test_what_is_not_a_file(bench: Bench, directive: str, path: str, words: str) -> None:
    line = only_line(bench.test("CFOriginPull On", f"{directive} {path}"))
    assert f"{directive}: file {path} {words}" in line


@pytest.mark.parametrize("directive", TAGS)
def test_unreadable_file(bench: Bench, directive: str) -> None:
    """Whoever runs -t is told that he may not read the file; root may."""
    user = environment.UNPRIVILEGED if environment.is_root() else None
    path = bench.pki.file(f"secret.{TAGS[directive]}", bench.good(directive))
    assert bench.test("CFOriginPull On", f"{directive} {path}").ok
    assert bench.server.config_test(user=user).ok

    path.chmod(0o600 if environment.is_root() else 0o000)

    line = only_line(bench.server.config_test(user=user))
    assert f"{directive}: file {path} cannot be read (Permission denied): check the permissions" in line
    if environment.is_root():
        assert bench.server.config_test().ok


def test_each_mistake_has_its_line(bench: Bench) -> None:
    """Two mistakes need two lines; one file that many vhosts inherit needs one."""
    before = f"CFOriginPull On\n{CA_FILE} /nowhere/main.pem\n"
    before += vhost(bench.port, "heir.test", tls=bench.tls)
    before += vhost(bench.port, "other-heir.test", "CFOriginPull LogOnly", tls=bench.tls)
    outcome = bench.test(f"{CA_FILE} /nowhere/own.pem", before=before)
    lines = our_lines(outcome.stderr)
    assert len(lines) == 2
    assert sum("/nowhere/main.pem" in line for line in lines) == 1
    assert sum("/nowhere/own.pem" in line for line in lines) == 1


def test_same_mistake_in_two_vhosts_needs_one_line(bench: Bench) -> None:
    lines = ["CFOriginPull On", f"{CA_FILE} /nowhere.pem"]
    outcome = bench.test(*lines, before=vhost(bench.port, "first.test", *lines, tls=bench.tls))
    assert "file /nowhere.pem does not exist" in only_line(outcome)


def test_list_emptied_by_none_verifies_nothing(bench: Bench) -> None:
    line = only_line(bench.test(f"{CA_FILE} none", before=f"CFOriginPull On\n{CA_FILE} builtin\n"))
    assert line.startswith(f"CFAOP141: {CA_FILE}: the list is empty")
    number = 1 + bench.server.config_file.read_text().splitlines().index(f"  {CA_FILE} none")
    assert f"({bench.server.config_file}:{number})" in line
    assert "write builtin or the path of a PEM file" in line
    assert bench.test("CFOriginPull On", f"{CA_FILE} none", f"{CA_FILE} builtin").ok
    assert bench.test("CFOriginPull Off", f"{CA_FILE} none").ok


# Cloudflare's other CA


def cloudflare_name(unit: str) -> x509.Name:
    parts = (
        (NameOID.COUNTRY_NAME, "US"),
        (NameOID.ORGANIZATION_NAME, "CloudFlare, Inc."),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
        (NameOID.LOCALITY_NAME, "San Francisco"),
        (NameOID.STATE_OR_PROVINCE_NAME, "California"),
    )
    return x509.Name([name_attribute(oid, value) for oid, value in parts])


@pytest.mark.parametrize(
    ("label", "unit", "key"),
    (
        ("origin-ca-rsa", "CloudFlare Origin SSL Certificate Authority", "rsa2048"),
        ("origin-ca-ecc", "CloudFlare Origin SSL ECC Certificate Authority", "p256"),
    ),
)
def test_origin_ca_root_is_not_the_origin_pull_ca(bench: Bench, label: str, unit: str, key: str) -> None:
    origin_ca = bench.pki.root(label, name=cloudflare_name(unit), key=key)
    for path in (origin_ca.cert_file, bench.pki.bundle(label, bench.root, origin_ca)):
        line = only_line(bench.test("CFOriginPull On", f"{CA_FILE} builtin {path}"))
        assert line.startswith(f"CFAOP109: {CA_FILE}: file {path} holds Cloudflare's Origin CA root")
        assert f"write {CA_FILE} builtin" in line
        assert line.endswith(f"({place_of(bench.server, CA_FILE)})")


def test_origin_pull_ca_as_a_file_is_welcome(bench: Bench) -> None:
    assert bench.test("CFOriginPull On", f"{CA_FILE} {environment.BUILTIN_CA}").ok


# mod_ssl


@pytest.mark.parametrize("where", ("in the main server", "in a vhost"))
def test_mod_ssl_is_not_loaded(bench: Bench, servers: Servers, where: str) -> None:
    port = free_port()
    line = "CFOriginPull On"
    config = f"{line}\n{vhost(port, 'heir.test')}" if where == "in the main server" else vhost(port, "own.test", line)
    server = servers.prepare_httpd(config, listen=[port], without=["ssl"])

    said = only_line(server.config_test())

    assert said.startswith("CFAOP101: CFOriginPull needs mod_ssl, which is not loaded: load it")
    assert "a2enmod ssl" in said
    server.write_config(vhost(port, "off.test", "CFOriginPull Off"))
    assert server.config_test().ok


def test_mod_ssl_with_another_openssl(bench: Bench, servers: Servers) -> None:
    library = other_openssl(bench.pki.directory)
    config = vhost(bench.port, "guarded.test", "CFOriginPull On", tls=bench.tls)
    server = servers.prepare_httpd(
        config, listen=[bench.port], extra_environment={"LD_PRELOAD": str(library)}
    )
    line = only_line(server.config_test())
    assert line.startswith("CFAOP102: mod_ssl runs with another OpenSSL library than mod_cfaop: build mod_cfaop")
    server.expect("CFAOP102: ")
    refuse_to_start(server)

    server.extra_environment.clear()
    assert server.config_test().ok


# An explicit On needs TLS


def host(port: int, *lines: str) -> str:
    inside = "".join(f"  {line}\n" for line in ("ServerName guarded.test", *lines))
    return f"<VirtualHost 127.0.0.1:{port}>\n{inside}</VirtualHost>\n"


def certificate_lines(bench: Bench) -> list[str]:
    return [f"SSLCertificateFile {bench.tls.cert_file}", f"SSLCertificateKeyFile {bench.tls.key_file}"]


def without_tls(bench: Bench) -> dict[str, str]:
    port, certificate = bench.port, certificate_lines(bench)
    macro = "<Macro Site $engine>\n{}</Macro>\nUse Site off\n"
    return {
        "nothing": host(port, "CFOriginPull On"),
        "certificate": host(port, *certificate, "CFOriginPull On"),
        "certificate-of-the-main-server": "\n".join(certificate) + "\n" + host(port, "CFOriginPull On"),
        "off": host(port, *certificate, "SSLEngine off", "CFOriginPull On"),
        "Off": host(port, *certificate, "SSLEngine Off", "CFOriginPull On"),
        "off-inherited": "SSLEngine off\n" + host(port, *certificate, "CFOriginPull On"),
        "off-again": host(port, *certificate, "SSLEngine on", "SSLEngine off", "CFOriginPull On"),
        "not-defined": host(
            port, "<IfDefine TLS>", "SSLEngine on", *certificate, "</IfDefine>", "CFOriginPull On"
        ),
        "macro": macro.format(host(port, "SSLEngine $engine", "CFOriginPull On")),
    }


NO_TLS = ("nothing", "certificate", "certificate-of-the-main-server", "off", "Off", "off-inherited", "off-again", "not-defined", "macro")


@pytest.mark.parametrize("form", NO_TLS)
def test_explicit_on_where_no_tls_is_configured(bench: Bench, servers: Servers, form: str) -> None:
    server = servers.prepare_httpd(without_tls(bench)[form], listen=[bench.port], modules=["macro"])
    line = only_line(server.config_test())
    assert line.startswith("CFAOP105: CFOriginPull On (")
    assert f"guarded.test:{bench.port} has no TLS" in line
    assert "configure SSLEngine on and SSLCertificateFile there, or remove CFOriginPull" in line
    place = "macro 'site' (defined on line" if form == "macro" else f"({place_of(server, 'CFOriginPull On')})"
    assert place in line


def with_tls(bench: Bench) -> dict[str, str]:
    port, certificate = bench.port, certificate_lines(bench)
    main = "\n".join(certificate) + "\n"
    macro = "<Macro Site $engine>\n{}</Macro>\nUse Site on\n"
    return {
        "on": host(port, *certificate, "SSLEngine on", "CFOriginPull On"),
        "after": host(port, "CFOriginPull On", *certificate, "SSLEngine On"),
        "optional": host(port, *certificate, "SSLEngine optional", "CFOriginPull On"),
        "on-inherited": "SSLEngine on\n" + host(port, *certificate, "CFOriginPull On"),
        "certificate-of-the-main-server": main + host(port, "SSLEngine on", "CFOriginPull On"),
        "certificate-for-listen-https": f"Listen 127.0.0.2:{port} https\n"
        + host(port, *certificate, "CFOriginPull On").replace("127.0.0.1", "127.0.0.2"),
        "defined": host(port, "<IfDefine TLS>", "SSLEngine on", *certificate, "</IfDefine>", "CFOriginPull On"),
        "if-module": host(
            port, "<IfModule mod_ssl.c>", "SSLEngine on", *certificate, "</IfModule>", "CFOriginPull On"
        ),
        "macro": macro.format(host(port, "SSLEngine $engine", *certificate, "CFOriginPull On")),
        "off": host(port, "CFOriginPull Off"),
        "inherited": "CFOriginPull On\n" + host(port, "SSLEngine off"),
        "nothing-to-refuse": host(port, "CFOriginPull LogOnly"),
    }


TLS_OR_NO_NEED = (
    "on",
    "after",
    "optional",
    "on-inherited",
    "certificate-of-the-main-server",
    "certificate-for-listen-https",
    "defined",
    "if-module",
    "macro",
    "off",
    "inherited",
    "nothing-to-refuse",
)


@pytest.mark.parametrize("form", TLS_OR_NO_NEED)
def test_where_tls_is_configured_or_not_needed(bench: Bench, servers: Servers, form: str) -> None:
    server = servers.prepare_httpd(with_tls(bench)[form], listen=[bench.port], modules=["macro"])
    outcome = server.config_test(defines=["TLS"])
    assert outcome.ok, outcome.stderr
    assert our_lines(outcome.stderr) == []


# Dates


def dated(bench: Bench) -> dict[str, tuple[str, str, str]]:
    """Lists with something out of date in them, and the tag and words that tell of it."""
    past, future = (-3 * DAY, -DAY), (DAY, 90 * DAY)
    old = bench.pki.root("old-ca", not_before=past[0], not_after=past[1])
    coming = bench.pki.root("coming-ca", not_before=future[0], not_after=future[1])
    good = f"{CA_FILE} {bench.root.cert_file}\n  {CRL_FILE} "
    old_crl = bench.root.crl("old", last_update=past[0], next_update=past[1])
    coming_crl = bench.root.crl("coming", last_update=future[0], next_update=future[1])
    return {
        "expired-ca": (f"{CA_FILE} {old.cert_file}", "CFAOP106", f'certificate of "CN=old-ca" ({old.cert_file}) ended on '),
        "coming-ca": (
            f"{CA_FILE} {coming.cert_file}",
            "CFAOP142",
            f'certificate of "CN=coming-ca" ({coming.cert_file}) is not valid before ',
        ),
        "expired-crl": (good + str(old_crl), "CFAOP106", f'CRL of "CN=root" ({old_crl}) ended on '),
        "coming-crl": (good + str(coming_crl), "CFAOP142", f'CRL of "CN=root" ({coming_crl}) is not valid before '),
    }


def test_what_is_out_of_date_is_a_warning(bench: Bench, servers: Servers) -> None:
    """At -t, and in the log of a server that starts."""
    cases = dated(bench)
    config = "".join(
        vhost(bench.port, f"{name}.test", "CFOriginPull On", lines, tls=bench.tls) for name, (lines, _, _) in cases.items()
    )
    server = servers.prepare_httpd(config, listen=[bench.port])

    outcome = server.config_test()

    assert outcome.ok
    for _, tag, words in cases.values():
        (line,) = [line for line in our_lines(outcome.stderr) if words in line]
        assert line.startswith(f"{tag}: the ")
    assert len(our_lines(outcome.stderr)) == len(cases)

    server.start()
    for _, tag, words in cases.values():
        (line,) = [line for line in server.log.find(f"{tag}: ") if words in line]
        assert "[cfaop:warn]" in line
    server.expect("CFAOP106: ")
    server.expect("CFAOP142: ")
    server.stop()


def test_leaf_listed_alone_is_said_to_escape_the_crl(bench: Bench) -> None:
    leaf = bench.pki.self_signed("lonely-leaf")
    lists = [f"{CA_FILE} {bench.root.cert_file} {leaf.cert_file}", f"{CRL_FILE} {bench.crl}"]
    outcome = bench.test("CFOriginPull On", *lists)
    assert outcome.ok
    (line,) = our_lines(outcome.stderr)
    assert line.startswith(f'CFAOP107: "CN=lonely-leaf" ({leaf.cert_file}) is listed itself and its issuer is not')

    listed_with_its_ca = bench.root.issue("leaf-of-root")
    lists[0] = f"{CA_FILE} {bench.root.cert_file} {listed_with_its_ca.cert_file}"
    assert our_lines(bench.test("CFOriginPull On", *lists).stderr) == []


# A first start is as strict as -t


def refuse_to_start(server: Httpd) -> None:
    server.allow(r"^AH\d{5}: ")
    with pytest.raises(StartFailure):
        server.start()


def unstartable(bench: Bench) -> dict[str, tuple[str, ...]]:
    origin_ca = bench.pki.root(
        "origin-ca", name=cloudflare_name("CloudFlare Origin SSL Certificate Authority"), key="rsa2048"
    )
    broken = bench.pki.file("broken-at-start.pem", DAMAGES["cut-off"](bench.root.cert_pem))
    return {
        "CFAOP103": (f"{CA_FILE} {broken}",),
        "CFAOP104": (f"{CRL_FILE} /nowhere.pem",),
        "CFAOP105": ("SSLEngine off",),
        "CFAOP109": (f"{CA_FILE} {origin_ca.cert_file}",),
        "CFAOP141": (f"{CA_FILE} none",),
    }


def test_first_start_is_refused(bench: Bench, servers: Servers) -> None:
    for tag, lines in unstartable(bench).items():
        config = vhost(bench.port, "guarded.test", "CFOriginPull On", *lines, tls=bench.tls)
        server = servers.prepare_httpd(config, listen=[bench.port])
        server.expect(f"{tag}: ")
        refuse_to_start(server)
        assert len(our_lines(server.log.text())) == 1
        server.check()


def test_bad_value_ends_a_first_start(bench: Bench, servers: Servers) -> None:
    config = vhost(bench.port, "guarded.test", "CFOriginPullVerifyDepth 99", tls=bench.tls)
    server = servers.prepare_httpd(config, listen=[bench.port])
    server.expect("CFOriginPullVerifyDepth: '99' is not a depth")
    refuse_to_start(server)



@pytest.mark.parametrize("directive", TAGS)
def test_long_list_is_read_to_its_end(bench: Bench, directive: str) -> None:
    """httpd's own reader would stop after 64 words, and the mistake behind them would go unnoticed."""
    good = bench.server.directory / f"long-{directive}.pem"
    good.write_bytes(bench.good(directive))
    outcome = bench.test("CFOriginPull On", f"{directive} {' '.join([str(good)] * 70)} /nowhere/last.pem")
    assert "file /nowhere/last.pem does not exist" in only_line(outcome)
