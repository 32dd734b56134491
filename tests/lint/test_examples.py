"""`apachectl -t` accepts what lies in conf/ and what the documents show, with the certificate files that they name in place."""

import os
import re
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((TOP / "conf/examples").glob("*.conf"))
ACCEPTED = "Syntax OK\nexit status 0"
MODULES = ("mpm_event", "authz_core", "authz_host", "alias", "headers", "log_config", "remoteip", "ssl", "status", "unixd")


def apxs(variable: str) -> str:
    return subprocess.run([os.environ.get("CFAOP_APXS") or "apxs", "-q", variable], check=True, capture_output=True, text=True).stdout.strip()


def sanitizer_environment() -> dict[str, str]:
    """A module built with sanitizers needs their libraries in the httpd that loads it; httpd's own leaks are httpd's."""
    if not os.environ.get("CFAOP_SANITIZE"):
        return {}
    libraries = [
        subprocess.run(["gcc", f"-print-file-name={name}"], check=True, capture_output=True, text=True).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    return {"LD_PRELOAD": ":".join(libraries), "ASAN_OPTIONS": "detect_leaks=0"}


def openssl(*arguments, cwd):
    subprocess.run(["openssl", *map(str, arguments)], cwd=cwd, check=True, capture_output=True)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """What the examples expect in /etc/ssl/example."""
    folder = tmp_path_factory.mktemp("ssl")
    for name in ("www", "shop", "direct", "zone-ca"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90",
                "-subj", f"/CN={name}.example.com", "-keyout", f"{name}.key", "-out", f"{name}.pem", cwd=folder)
    (folder / "ca.cnf").write_text("[ca]\ndefault_ca=x\n[x]\ndatabase=index\ndefault_md=sha256\ndefault_crl_days=90\n")
    (folder / "index").touch()
    (folder / "tickets.key").write_bytes(os.urandom(48))
    openssl("ca", "-gencrl", "-config", "ca.cnf", "-cert", "zone-ca.pem", "-keyfile", "zone-ca.key",
            "-out", "zone-ca.crl.pem", cwd=folder)
    return folder


@pytest.fixture
def config_test(tmp_path, builddir):
    """Runs httpd -t on a configuration text with the module loaded, and returns its exit status and output as one text."""

    def run(text: str):
        libexec = apxs("LIBEXECDIR")
        # Debian compiles in log_config and unixd
        files = {name: Path(libexec) / f"mod_{name}.so" for name in MODULES}
        loads = "".join(f"LoadModule {name}_module {file}\n" for name, file in files.items() if file.exists())
        conf = tmp_path / "httpd.conf"
        conf.write_text(
            f"{loads}LoadModule cfaop_module {builddir}/.libs/mod_cfaop.so\n"
            f"ServerRoot {tmp_path}\nServerName localhost\nListen 127.0.0.1:8443\nDefaultRuntimeDir .\n"
            f"ErrorLog error.log\n{text}"
        )
        done = subprocess.run(
            [f"{apxs('SBINDIR')}/{apxs('PROGNAME')}", "-t", "-d", tmp_path, "-f", conf],
            env={**os.environ, **sanitizer_environment()}, capture_output=True, text=True,
        )
        return f"{done.stdout}{done.stderr}exit status {done.returncode}"

    return run


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_example_is_accepted(example, config_test, pki, tmp_path):
    text = example.read_text()
    (tmp_path / "html").mkdir()
    for there, here in (("/etc/ssl/example", pki), ("/var/www/html", tmp_path / "html"), ("/var/www/direct", tmp_path / "html"), ("/var/log/apache2", tmp_path)):
        text = text.replace(there, str(here))
    assert config_test(text) == ACCEPTED


SNIPPETS = [
    pytest.param(match.group(1), id=f"{path.name}-{number}")
    for path in [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]
    for number, match in enumerate(re.finditer(r"^```apache\n(.*?)^```$", path.read_text(), re.M | re.S), 1)
]


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_snippet_of_the_documents_is_accepted(snippet, config_test, pki, tmp_path):
    if snippet.startswith("<RequireAll>"):
        snippet = f'CFOriginPull LogOnly\n<Location "/">\n{snippet}</Location>\n'
    if "<VirtualHost" not in snippet:
        snippet = (f"<VirtualHost *:443>\nServerName www.example\nSSLEngine on\nSSLCertificateFile {pki}/www.pem\n"
                   f"SSLCertificateKeyFile {pki}/www.key\n"
                   f"{snippet}</VirtualHost>\n")
    for there, here in (("/etc/ssl/example", pki), ("/etc/ssl/origin-pull", pki), ("/etc/ssl/private", pki), ("conf/zone-ca.pem", f"{pki}/zone-ca.pem"),
                        ("/var/log/apache2", tmp_path)):
        snippet = snippet.replace(there, str(here))
    assert config_test(snippet) == ACCEPTED


def test_there_are_snippets():
    assert len(SNIPPETS) >= 10


def test_there_are_examples():
    assert len(EXAMPLES) == 9


def test_the_commented_configuration_enables_nothing_and_every_line_of_it_is_valid(top, config_test, pki):
    text = (top / "conf/cfaop.conf").read_text()
    # A log format has a name and no effect.
    without_format = re.sub(r"<IfModule mod_log_config\.c>\n( +#.*\n| +LogFormat .* cforigin\n)+</IfModule>\n", "", text)
    assert without_format != text
    assert all(line.startswith("#") or not line for line in without_format.splitlines())
    enabled = text.replace("\n#CF", "\nCF").replace("/etc/ssl/origin-pull", str(pki))
    # There is no CRL of that CA.
    enabled = enabled.replace("CFOriginPullCACertificateFile builtin\n", "")
    # An explicit On needs a TLS virtual host around it.
    output = config_test(
        f"<VirtualHost *:443>\nServerName www.example\nSSLEngine on\nSSLCertificateFile {pki}/www.pem\n"
        f"SSLCertificateKeyFile {pki}/www.key\n{enabled}</VirtualHost>\n"
    )
    assert output == ACCEPTED


def test_the_load_file_names_the_module_where_it_is_installed(builddir):
    command = ["make", "-s", "--no-print-directory", "--eval", "show-moduledir: ; @echo '$(moduledir)'", "show-moduledir"]
    environment = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}}
    moduledir = subprocess.run(command, cwd=builddir, env=environment, check=True, capture_output=True, text=True).stdout.strip()
    assert moduledir.startswith("/")
    # a2enmod reads the first line
    assert (builddir / "conf/cfaop.load").read_text() == f"# Depends: ssl\nLoadModule cfaop_module {moduledir}/mod_cfaop.so\n"
