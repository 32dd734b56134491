"""The examples that README.md and docs/ refer to, served by a real httpd: what they promise is what clients get."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import pytest

from conftest import Servers
from support.client import HTTP_VERSIONS, TLS_VERSIONS, connect_plain, fetch
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost
from support.waiting import wait_until

EXAMPLES = Path(__file__).resolve().parents[2] / "conf" / "examples"
VISITOR = "203.0.113.7"


@dataclass(frozen=True)
class Kitchen:
    """Makes servers of examples: the paths and ports are ours, and another CA stands for Cloudflare's."""

    servers: Servers
    pki: Pki
    tls: Credential
    ca: Credential

    def text(self, name: str, httpd: Httpd) -> str:
        text = (EXAMPLES / name).read_text()
        for there, here in (
            ("/etc/ssl/example/zone-ca.pem", self.ca.cert_file),
            (r"/etc/ssl/example/\w+\.pem", self.tls.cert_file),
            (r"/etc/ssl/example/\w+\.key", self.tls.key_file),
            ("/var/www/html", httpd.htdocs),
            ("/var/log/apache2", httpd.directory / "logs"),
            (r"\*:443", f"127.0.0.1:{httpd.port}"),
        ):
            text = re.sub(there, str(here), text)
        return f"CFOriginPullCACertificateFile {self.ca.cert_file}\n{text}"

    def prepare(self, *ports: int) -> Httpd:
        httpd = self.servers.prepare_httpd("", listen=[free_port(), *ports], modules=["access_compat", "proxy", "proxy_http", "rewrite"])
        httpd.put(".well-known/acme-challenge/token", "token\n")
        httpd.put("healthz", "healthy\n")
        return httpd

    def serve(self, name: str) -> Httpd:
        httpd = self.prepare()
        httpd.write_config(self.text(name, httpd))
        return httpd.start()


@pytest.fixture(scope="module")
def kitchen(servers: Servers, pki: Pki) -> Kitchen:
    return Kitchen(servers, pki, pki.self_signed("server", eku="server", san=["*.example.com"]), pki.root("zone"))


def test_exemptions(kitchen: Kitchen) -> None:
    httpd = kitchen.prepare()
    # the test itself is the machine that the example exempts
    httpd.write_config(kitchen.text("exemptions.conf", httpd).replace("127.0.0.1 ::1 ", ""))
    httpd.start()
    httpd.expect_refusal("no_certificate")

    def status(path: str, client: Optional[Credential] = None) -> int:
        return fetch(httpd.port, path, sni="www.example.com", credential=client).status

    assert [status("/.well-known/acme-challenge/token"), status("/healthz"), status("/"), status("/index.html")] == [200, 200, 400, 400]
    assert status("/", kitchen.ca.issue("edge-exempt")) == 200
    httpd.write_config(kitchen.text("exemptions.conf", httpd))
    httpd.graceful()
    assert status("/") == 200


def test_exchange_of_a_pinned_certificate(kitchen: Kitchen) -> None:
    """The three steps of docs/own-certificates.md: no client that shows the old or the new certificate at its time is refused."""
    old, new = kitchen.ca.issue("old"), kitchen.ca.issue("new")
    httpd = kitchen.prepare()
    example = kitchen.text("pinned.conf", httpd)
    first, second = re.findall(r"sha256:[0-9A-F:]+", example)
    assert example.count("\n    CFOriginPullPin ") == 2

    def pinned(*names: Credential) -> str:
        text = re.sub(r"\n    CFOriginPullPin .*", "", example)
        return text.replace("</VirtualHost>", "".join(f"CFOriginPullPin sha256:{name.sha256}\n" for name in names) + "</VirtualHost>")

    def admitted(client: Credential) -> bool:
        return fetch(httpd.port, sni="shop.example.com", credential=client).status == 200

    httpd.allow_refusals()
    httpd.write_config(pinned(old))
    httpd.start()
    assert [admitted(old), admitted(new)] == [True, False]
    httpd.write_config(pinned(old, new))
    httpd.graceful()
    assert [admitted(old), admitted(new)] == [True, True]
    httpd.write_config(pinned(new))
    httpd.graceful()
    assert [admitted(old), admitted(new)] == [False, True]
    httpd.write_config(example)
    assert httpd.config_test().ok and first != second


def test_visitors_address(kitchen: Kitchen) -> None:
    httpd = kitchen.serve("visitor-address.conf")
    headers = [("CF-Connecting-IP", VISITOR)]
    answer = fetch(httpd.port, sni="www.example.com", credential=kitchen.ca.issue("edge-visitor"), headers=headers)
    assert answer.status == 200
    log = httpd.directory / "logs" / "www.example.com.log"
    assert wait_until(lambda: log.read_text().startswith(f"{VISITOR} 127.0.0.1 [")), log.read_text()


# What sites of the guarded DocumentRoot do with URLs themselves: all of them lead /.well-known/acme-challenge/no-such-token inside.
FRONT_CONTROLLERS = {
    "rewritten": ["RewriteEngine on", "RewriteRule ^ /index.php [L]"],
    "rewritten-end": ["RewriteEngine on", "RewriteRule ^ /index.php [END]"],
    "rewritten-again": ["RewriteEngine on", "RewriteRule ^ /index.php [PT]"],
    "rewritten-file": ["RewriteEngine on", "RewriteRule ^ %{DOCUMENT_ROOT}/index.php [L]"],
    "rewritten-query": ["RewriteEngine on", "RewriteRule ^/(.*)$ /index.php?q=$1 [L,QSA]"],
    "in-directory": [
        "<Directory {htdocs}>", "RewriteEngine on", "RewriteCond %{REQUEST_FILENAME} !-f", "RewriteRule ^ /index.php [L]", "</Directory>",
    ],
    "fallback": ["FallbackResource /index.php"],
    "error-document": ["ErrorDocument 404 /index.php"],
    "aliased": ["Alias /.well-known/acme-challenge/no-such-token {htdocs}/index.php"],
    "aliased-all": ["AliasMatch ^ {htdocs}/index.php"],
    "proxied": ["ProxyPass / http://127.0.0.1:{backend}/"],
    "handled": ['<Location "/">', "SetHandler cf-origin-pull-metrics", "</Location>"],
    "proxied-rewritten": ["RewriteEngine on", "RewriteRule ^ http://127.0.0.1:{backend}%{REQUEST_URI} [P]"],
}
FRONT = "the front controller\n"
# What a stranger must not see.
INSIDE = {"handled": "cf_origin_pull_"}


@pytest.fixture(scope="module")
def panel(kitchen: Kitchen) -> tuple[Httpd, int]:
    """A panel's server: sites that know nothing of origin pulls, and the included file."""
    plain_port, backend = free_port(), free_port()
    httpd = kitchen.prepare(plain_port, backend)
    httpd.put("index.php", FRONT)
    other = httpd.directory / "other"
    other.mkdir()
    (other / "index.html").write_text("another site\n")
    httpd.put(".htpasswd", "user:secret\n")
    httpd.put("opened/index.html", "opened\n")
    httpd.put("opened/.htaccess", "Require all granted\nSatisfy Any\n")
    httpd.put(".htaccess", "ErrorDocument 403 /index.php\n")
    httpd.put("closed/index.html", "closed\n")
    httpd.put("closed/.htaccess", "Order allow,deny\nDeny from all\n")
    rules = [
        f"DocumentRoot {httpd.htdocs}",
        f"<Directory {httpd.htdocs}>", "  Require all granted", "  AllowOverride AuthConfig FileInfo Limit", "</Directory>",
        '<Files ".ht*">', "  Require all denied", "</Files>",
    ]
    config = kitchen.text("panel.conf", httpd)
    config += vhost(httpd.port, "www.example.com", *rules, tls=kitchen.tls, aliases="alias.example.com")
    config += vhost(httpd.port, "other.example.com", f"DocumentRoot {other}", f"<Directory {other}>", "  Require all granted",
                    "</Directory>", tls=kitchen.tls)
    config += vhost(plain_port, "www.example.com", *rules)
    for name, lines in FRONT_CONTROLLERS.items():
        own = [line.replace("{htdocs}", str(httpd.htdocs)).replace("{backend}", str(backend)) for line in lines]
        config += vhost(httpd.port, f"{name}.example.com", *rules, *own, tls=kitchen.tls)
    config += vhost(backend, "backend.example.com", f"DocumentRoot {other}", "AliasMatch ^ " + str(other / "index.php"),
                    f"<Directory {other}>", "Require all granted", "</Directory>")
    (other / "index.php").write_text(FRONT)
    httpd.allow("CFAOP121: ")
    httpd.write_config(config)
    return httpd.start(), plain_port


@pytest.mark.parametrize("http", HTTP_VERSIONS)
@pytest.mark.parametrize("tls", TLS_VERSIONS)
def test_panel(panel: tuple[Httpd, int], kitchen: Kitchen, tls: str, http: str) -> None:
    httpd, _ = panel
    httpd.allow_refusals()
    httpd.allow("AH01630|AH01797")
    edge = kitchen.ca.issue(f"edge-panel-{tls}-{http}")

    def status(host: str, path: str, client: Optional[Credential]) -> int:
        return fetch(httpd.port, path, sni="www.example.com", host=host, credential=client, tls=tls, http=http).status

    for host in ("www.example.com", "WWW.example.com", "www.example.com.", "alias.example.com", "no-such-name.test"):
        for path in ("/", "/index.html", "/opened/", "/healthz"):
            assert (status(host, path, None), status(host, path, edge), host, path) == (403, 200, host, path)
    refused = fetch(httpd.port, "/cart?item=1", sni="www.example.com", tls=tls, http=http)
    assert refused.status == 403 and FRONT not in refused.text
    for closed in ("/.htpasswd", "/closed/"):
        assert (status("www.example.com", closed, None), status("www.example.com", closed, edge)) == (403, 403)
    assert status("www.example.com", "/.well-known/acme-challenge/token", None) == 200
    for beside in ("deeper/token", "..%2findex.html", "%2e%2e/%2e%2e/index.html", "token;x", ""):
        assert status("www.example.com", f"/.well-known/acme-challenge/{beside}", None) != 200
    other = fetch(httpd.port, sni="other.example.com", tls=tls, http=http)
    assert (other.status, other.text) == (200, "another site\n")


@pytest.mark.parametrize("name", FRONT_CONTROLLERS)
def test_panel_and_a_site_that_maps_urls_itself(panel: tuple[Httpd, int], kitchen: Kitchen, name: str) -> None:
    """The exception for ACME is one for files that are tokens, whatever the URL is mapped to."""
    httpd, _ = panel
    httpd.allow_refusals()
    httpd.allow("AH01630|AH00128")
    path = "/.well-known/acme-challenge/no-such-token"
    edge, inside = kitchen.ca.issue(f"edge-panel-{name}"), INSIDE.get(name, FRONT)
    for http in HTTP_VERSIONS:
        verified = fetch(httpd.port, path, sni=f"{name}.example.com", credential=edge, http=http)
        assert inside in verified.text, "the control: there is a way inside"
        stranger = fetch(httpd.port, path, sni=f"{name}.example.com", http=http)
        assert stranger.status in (403, 404) and inside not in stranger.text, (http, stranger)
        assert fetch(httpd.port, f"{path}?p=123", sni=f"{name}.example.com", http=http).status in (403, 404)


def test_panel_leaves_nothing_to_port_80(panel: tuple[Httpd, int]) -> None:
    httpd, plain_port = panel
    httpd.allow("AH01630")
    with connect_plain(plain_port) as client:
        assert client.request(host="www.example.com").status == 403
        assert client.request("/.well-known/acme-challenge/token", host="www.example.com").status == 200
