"""Files in an odd form: one line says what the form is, and the command that it names makes a file that is accepted."""

from __future__ import annotations

import base64
import json
import re
import resource
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import pytest
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12

from conftest import Servers
from support import environment
from support.httpd import Httpd
from support.mistakes import only_line, our_lines
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost

CA_FILE = "CFOriginPullCACertificateFile"
UTF8_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Bench:
    """A server that is not started, and two CAs for its files."""

    server: Httpd
    port: int
    tls: Credential
    root: Credential
    other: Credential
    pki: Pki

    def write(self, name: str, content: bytes, directive: str = CA_FILE) -> str:
        """Name a file of this content in a virtual host; returns its path."""
        path = self.pki.file(name, content)
        lines = ["CFOriginPull On", f"{directive} {path}"]
        self.server.write_config(vhost(self.port, "guarded.test", *lines, tls=self.tls))
        return str(path)


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    port = free_port()
    server = servers.prepare_httpd("", listen=[port])
    return Bench(server, port, server_certificate, pki.root("root"), pki.root("other", key="rsa2048"), pki)


# What OpenSSL reads is read.

READ: dict[str, Callable[[bytes], bytes]] = {
    "comment": lambda pem: b"# paste the -----BEGIN CERTIFICATE----- block below\n" + pem,
    "commented-out": lambda pem: b"".join(b"# " + line for line in pem.splitlines(True)) + pem,
    "explanation": lambda pem: b"From -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----\n\n" + pem + b"\nends here\n",
    "windows": lambda pem: pem.replace(b"\n", b"\r\n"),
    "utf-8-mark": lambda pem: UTF8_MARK + pem,
    "utf-8-marks": lambda pem: re.sub(rb"^(?=-----BEGIN)", UTF8_MARK, pem, flags=re.M),
    "utf-8-mark-comment": lambda pem: UTF8_MARK + b"# \xc3\xa9\r\n" + pem.replace(b"\n", b"\r\n"),
    "blanks-at-the-end-of-lines": lambda pem: pem.replace(b"\n", b"  \n"),
    "indented-base64": lambda pem: re.sub(rb"^(?=[A-Za-z0-9+/=])", b"  ", pem, flags=re.M),
    "empty-lines-between": lambda pem: b"\n\n" + pem + b"\n\n \n",
}


@pytest.mark.parametrize("form", READ)
def test_what_openssl_reads_is_read(bench: Bench, form: str) -> None:
    path = bench.write(f"{form}.read", READ[form](bench.root.cert_pem + bench.other.cert_pem))
    assert certificates_in(path) == 2
    outcome = bench.server.config_test()
    assert outcome.ok and our_lines(outcome.stderr) == []


@pytest.mark.parametrize("form", READ)
def test_a_damaged_block_after_it_is_seen(bench: Bench, form: str) -> None:
    damaged = bench.other.cert_pem.replace(b"-----BEGIN ", b"-----BEGI ")
    bench.write(f"{form}.damaged", READ[form](bench.root.cert_pem) + damaged)
    assert "damaged BEGIN or END line: copy the file again" in only_line(bench.server.config_test())


def test_a_block_whose_lines_have_words_before_them_is_not_left_out(bench: Bench) -> None:
    bench.write("words.odd", bench.root.cert_pem + each_line(b"10:00 ")(bench.other.cert_pem))
    assert "damaged BEGIN or END line" in only_line(bench.server.config_test())


def test_a_large_file_of_one_line_takes_no_time(bench: Bench) -> None:
    """Thousands of markers in it: were each to have the line read again, this would take half a minute."""
    bench.write("one-line.odd", bench.root.cert_pem.replace(b"\n", b" ") * 8000)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    assert "has a BEGIN line that does not end with it" in only_line(bench.server.config_test())
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 5


def certificates_in(path: str) -> int:
    """How many certificates OpenSSL sees. Before 3.0 it does not skip the marks of UTF-8, which the guard does."""
    file = Path(path)
    if not environment.has_openssl_3() and UTF8_MARK in file.read_bytes():
        file = file.with_suffix(".unmarked")
        file.write_bytes(Path(path).read_bytes().replace(UTF8_MARK, b""))
    found = re.search(rb"Total found: (\d+)", openssl("storeutl", "-noout", "-certs", str(file)))
    assert found
    return int(found[1])


def openssl(*words: str, given: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *words], input=given, stdout=subprocess.PIPE, check=True).stdout


# What it does not read is named, with a command that mends it.


def as_p12(bench: Bench) -> bytes:
    return pkcs12.serialize_key_and_certificates(
        b"edge", bench.root.key, bench.root.certificate, [bench.other.certificate], NoEncryption()
    )


def as_p7(form: str) -> Callable[[Bench], bytes]:
    return lambda bench: openssl("crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin", "-outform", form, given=bench.root.cert_pem + bench.other.cert_pem)


def as_json(text: bytes) -> bytes:
    return json.dumps(text.decode())[1:-1].encode()


def both(change: Callable[[bytes], bytes]) -> Callable[[Bench], bytes]:
    return lambda bench: change(bench.root.cert_pem + bench.other.cert_pem)


def each_line(prefix: bytes, suffix: bytes = b"") -> Callable[[bytes], bytes]:
    return lambda pem: b"".join(prefix + line + suffix + b"\n" for line in pem.splitlines())


def one_line_of_base64(pem: bytes) -> bytes:
    """Base64 of a block in one line, with the BEGIN line before it, as environment variables lose line ends."""
    return re.sub(rb"\n(?!-----BEGIN)", b" ", pem)


@dataclass(frozen=True)
class Form:
    content: Callable[[Bench], bytes]
    words: str
    certificates: int = 2


FORMS = {
    "indented": Form(both(each_line(b"    ")), "has an indented BEGIN or END line"),
    "tabs": Form(both(each_line(b"\t")), "has an indented BEGIN or END line"),
    "quoted": Form(both(each_line(b'"', b'"')), "has other characters before a BEGIN or END line"),
    "mail": Form(both(each_line(b"> ")), "has other characters before a BEGIN or END line"),
    "glued": Form(both(lambda pem: pem.replace(b"-\n-", b"--")), "has two blocks that are glued together in one line"),
    "one-line": Form(both(one_line_of_base64), "has a BEGIN line that does not end with it"),
    "old-mac": Form(both(lambda pem: pem.replace(b"\n", b"\r")), "has a BEGIN line that does not end with it"),
    "empty-lines": Form(both(lambda pem: pem.replace(b"\n", b"\n\n")), "has an empty line in a block"),
    "empty-lines-windows": Form(both(lambda pem: pem.replace(b"\n", b"\r\n\r\n")), "has an empty line in a block"),
    "json": Form(both(as_json), "has the letters"),
    "json-slashes": Form(both(lambda pem: b'"' + as_json(pem).replace(b"/", b"\\/") + b'"\n'), "has the letters"),
    "json-object": Form(
        both(lambda pem: b'{"result": {"certificate": "' + as_json(pem) + b'", "id": "x"}}'), "has the letters"
    ),
    "utf-16": Form(both(lambda pem: pem.decode().encode("utf-16")), "is UTF-16 text"),
    "utf-16-windows": Form(both(lambda pem: pem.decode().replace("\n", "\r\n").encode("utf-16")), "is UTF-16 text"),
    "utf-16-big": Form(both(lambda pem: b"\xfe\xff" + pem.decode().encode("utf-16-be")), "is UTF-16 text"),
    "utf-16-le-without-mark": Form(both(lambda pem: pem.decode().encode("utf-16-le")), "is UTF-16 text"),
    "utf-16-be-without-mark": Form(both(lambda pem: pem.decode().encode("utf-16-be")), "is UTF-16 text"),
    "der": Form(lambda bench: bench.root.der, "is DER, not PEM", 1),
    "pkcs12": Form(as_p12, "is PKCS#12 (.pfx, .p12), not PEM"),
    "pkcs7": Form(as_p7("DER"), "is PKCS#7 (.p7b), not PEM"),
    "pkcs7-pem": Form(as_p7("PEM"), "has a block of PKCS#7 (.p7b)"),
    "pkcs7-beside-a-certificate": Form(
        lambda bench: bench.root.cert_pem + as_p7("PEM")(bench), "has a block of PKCS#7 (.p7b)"
    ),
}


def cure_of(line: str) -> str:
    """The command that a line names, as an administrator would type it."""
    return re.search(r" by (.* NEW)", line)[1].replace("\\\\", "\\")  # type: ignore[index]


def run(command: str, file: str, new: str) -> None:
    script = re.sub(r"\bFILE\b", file, re.sub(r"\bNEW\b", new, command))
    subprocess.run(["sh", "-c", script], check=True, input=b"\n", capture_output=True, timeout=30)


@pytest.mark.parametrize("name", FORMS)
def test_cure_helps(bench: Bench, name: str) -> None:
    form = FORMS[name]
    path = bench.write(f"{name}.odd", form.content(bench))

    line = only_line(bench.server.config_test())
    assert f"CFAOP103: {CA_FILE}: file {path} {form.words}" in line
    command = cure_of(line)
    assert "copy the file again" not in line and "\\" not in command

    new = str(bench.pki.directory / f"{name}.new")
    # a PKCS#12 file asks for its password
    run(command.replace("pkcs12 ", "pkcs12 -passin pass: "), path, new)
    assert certificates_in(new) == form.certificates
    bench.server.write_config(
        vhost(bench.port, "guarded.test", "CFOriginPull On", f"{CA_FILE} {new}", tls=bench.tls)
    )
    outcome = bench.server.config_test()
    assert outcome.ok and our_lines(outcome.stderr) == []


def test_cure_of_trust_settings(bench: Bench) -> None:
    trusted = str(bench.pki.directory / "trusted.odd")
    subprocess.run(
        ["openssl", "x509", "-in", bench.root.cert_file, "-addtrust", "clientAuth", "-trustout", "-out", trusted], check=True
    )
    bench.write("trusted.copy", open(trusted, "rb").read())
    line = only_line(bench.server.config_test())
    assert "has a TRUSTED CERTIFICATE" in line
    new = bench.pki.directory / "trusted.new"
    run(cure_of(line), trusted, str(new))
    bench.write("trusted.cured", new.read_bytes())
    assert bench.server.config_test().ok


def test_cure_of_a_crl(bench: Bench) -> None:
    pem = bench.root.crl("good").read_bytes()
    der = base64.b64decode(b"".join(line for line in pem.splitlines() if b"-----" not in line))
    for name, content, words in (("crl-der", der, "openssl crl"), ("crl-indented", each_line(b"  ")(pem), "indented")):
        path = bench.write(f"{name}.odd", content, "CFOriginPullCARevocationFile")
        line = only_line(bench.server.config_test())
        assert line.startswith("CFAOP104: ") and words in line
        new = bench.pki.directory / f"{name}.new"
        run(cure_of(line), path, str(new))
        bench.write(f"{name}.cured", new.read_bytes(), "CFOriginPullCARevocationFile")
        assert bench.server.config_test().ok


def test_binary_of_another_kind_has_no_command(bench: Bench) -> None:
    bench.write("key.der", base64.b64decode(b"".join(bench.root.key_pem.splitlines()[1:-1])))
    line = only_line(bench.server.config_test())
    assert "is binary, and neither a certificate nor a CRL: name a PEM file" in line
