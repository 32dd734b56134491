"""Text of <VirtualHost> sections."""

from __future__ import annotations

from typing import Optional

from support import installation
from support.pki import Credential

# Every answer shows which vhost gave it and, where the module is loaded, what it says of the request.
_NAME = 'Header always set X-Vhost "{name}"'
_VERDICT = 'Header always set X-Verify "expr=%{CF_ORIGIN_PULL_VERIFY}"'


def any_sni() -> str:
    """Lines by which mod_ssl lets clients ask for another virtual host than their SNI's, as it did before 2.4.66."""
    return "SSLVHostSNIPolicy insecure\n" if installation.has_sni_policy() else ""


def vhost(
    port: int,
    name: str,
    *lines: str,
    tls: Optional[Credential] = None,
    aliases: str = "",
    with_module: bool = True,
) -> str:
    """A vhost on 127.0.0.1, with TLS where it is given a server certificate."""
    body = [f"ServerName {name}"]
    if aliases:
        body.append(f"ServerAlias {aliases}")
    if tls:
        body += [
            "SSLEngine on",
            f"SSLCertificateFile {tls.cert_file}",
            f"SSLCertificateKeyFile {tls.key_file}",
        ]
    body.append(_NAME.format(name=name))
    if with_module:
        body.append(_VERDICT)
    body += lines
    inside = "\n".join(f"  {line}" for line in body)
    return f"<VirtualHost 127.0.0.1:{port}>\n{inside}\n</VirtualHost>\n"
