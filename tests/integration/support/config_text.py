"""Configurations of support.config_servers, drawn at random and written for httpd."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Mapping, Sequence

from hypothesis import strategies as st

from support import installation
from support.config_model import CLAIM, PEER, must_be_refused
from support.config_servers import Configuration, Host, Port, Settings
from support.pki import Credential

OTHER_PEER = "127.0.0.2"
ELSEWHERE = "127.0.0.77"
NAMES = ("one.test", "two.test", "three.test", "four.test")
ALIASES = ((), (), ("also-{}",), ("*.{}",), ("also-{}", "*.{}"), ("*.test",))

_hosts = st.builds(
    Settings,
    engine=st.sampled_from(("on", "on", None, None, None, "off")),
    certificate=st.sampled_from((False, False, True)),
    mode=st.sampled_from((None, None, None, None, "On", "On", "Optional", "Optional", "LogOnly", "Off")),
    trusted=st.sampled_from((None, None, None, "A", "B", "AB")),
    exempt=st.sampled_from((None, None, None, "none", "path", OTHER_PEER)),
    remote_ip=st.sampled_from((None, None, None, True, False)),
)
_mains = st.builds(
    Settings,
    engine=st.sampled_from((None, None, None, None, "off", "on")),
    certificate=st.sampled_from((False, False, True)),
    mode=st.sampled_from((None, "On", "On", "On", "Optional", "Optional", "LogOnly", "LogOnly", "Off")),
    trusted=st.sampled_from((None, "A", "A", "A", "B")),
    exempt=st.sampled_from((None, None, "path", "path", OTHER_PEER, PEER)),
    remote_ip=st.sampled_from((None, True, True, False)),
)
_named = st.builds(
    Host,
    label=st.just(""),
    name=st.sampled_from(NAMES),
    aliases=st.sampled_from(ALIASES),
    own=_hosts,
)
_ports = st.builds(
    Port,
    https=st.sampled_from((False, False, True)),
    https_elsewhere=st.booleans(),
    hosts=st.lists(_named, min_size=1, max_size=5).map(tuple),
)
_orders = st.sampled_from(
    (
        ("guard",),
        ("guard", "early"),
        ("early", "guard"),
        ("guard", "early", "remoteip"),
        ("early", "guard", "remoteip"),
        ("early", "remoteip", "guard"),
        ("remoteip", "early", "guard"),
        ("remoteip", "guard", "early"),
    )
)
# SSLVHostSNIPolicy. All but the last one let mod_ssl refuse what the guard should.
POLICIES = (None, "strict", "secure", "authonly", "insecure") if installation.has_sni_policy() else (None,)


@st.composite
def configurations(draw: st.DrawFn) -> Configuration:
    """Configurations that httpd and mod_ssl take; one in five has what is a mistake to the guard."""
    ports = draw(st.lists(_ports, min_size=2, max_size=4))
    ports = [_with_tls(port) if draw(st.integers(0, 2)) else port for port in ports]
    if draw(st.integers(0, 3)) == 0:
        ports[-1] = replace(ports[-1], hosts=())
    order = draw(_orders)
    remoteip = draw(st.sampled_from(("loaded", "believing"))) if "remoteip" in order else "absent"
    main = draw(_mains)
    policy = draw(st.sampled_from((*POLICIES, *POLICIES[-1:] * 4)))
    drawn = Configuration(main, _labelled(ports), order, remoteip, policy)
    allowed = _for_mod_ssl(drawn)
    return allowed if draw(st.integers(0, 4)) == 0 else _without_mistakes(allowed)


def _with_tls(port: Port) -> Port:
    """The port with TLS: its default virtual host decides."""
    first = port.hosts[0]
    return replace(port, hosts=(replace(first, own=replace(first.own, engine="on")), *port.hosts[1:]))


def _labelled(ports: Sequence[Port]) -> tuple[Port, ...]:
    return tuple(
        replace(port, hosts=tuple(_labelled_host(host, f"{n}-{i}") for i, host in enumerate(port.hosts)))
        for n, port in enumerate(ports)
    )


def _labelled_host(host: Host, label: str) -> Host:
    return replace(host, label=label, aliases=tuple(alias.format(host.name) for alias in host.aliases))


def _with_hosts(configuration: Configuration, change: Mapping[str, Settings]) -> Configuration:
    """The configuration with other settings for the virtual hosts of these labels."""
    ports = tuple(
        replace(port, hosts=tuple(replace(host, own=change.get(host.label, host.own)) for host in port.hosts))
        for port in configuration.ports
    )
    return replace(configuration, ports=ports)


def _for_mod_ssl(configuration: Configuration) -> Configuration:
    """mod_ssl ends the start where SSLEngine is on and there is no certificate."""
    if configuration.main.engine == "on":
        configuration = replace(configuration, main=replace(configuration.main, certificate=True))
    needed = [site for site in configuration.sites() if site.engine == "on" and not site.shows_certificate]
    return _with_hosts(configuration, {site.host.label: replace(site.host.own, certificate=True) for site in needed})


def _without_mistakes(configuration: Configuration) -> Configuration:
    wrong = [site for site in configuration.sites() if must_be_refused(site)]
    return _with_hosts(configuration, {site.host.label: replace(site.host.own, mode=None) for site in wrong})


# ---- writing ----

# Every answer shows what the guard and mod_ssl say of the request. /gate/ is for clients that mod_ssl verified.
_PLACES = f"""
Header always set X-Vhost main
Header always set X-Verify "expr=%{{CF_ORIGIN_PULL_VERIFY}}"
Header always set X-Client-Verify "expr=%{{SSL_CLIENT_VERIFY}}"
<LocationMatch "/gate/$">
  Order deny,allow
  Deny from all
  Satisfy Any
  Require ssl-verify-client
</LocationMatch>
<LocationMatch "/visitor/$">
  Require ip {CLAIM}
</LocationMatch>
<Location "/open/elsewhere/">
  DirectoryIndex /inside/index.html
</Location>
"""
# The paths that requests are for, below / and below the exempt /open/.
PLACES = ("", "gate/", "visitor/", "missing")
PATHS = (*(f"/{place}" for place in PLACES), *(f"/open/{place}" for place in PLACES), "/open/elsewhere/")
# What there is below the document root; /open/elsewhere/ has only its index, which lies outside.
_DIRECTORIES = ("", "gate/", "visitor/", "open/", "open/gate/", "open/visitor/", "inside/")
CONTENT = (*(f"{directory}index.html" for directory in _DIRECTORIES), "open/elsewhere/page.html")


def write(
    configuration: Configuration,
    numbers: Sequence[int],
    modules: Mapping[str, Path],
    ca_files: Mapping[str, Path],
    tls: Credential,
) -> str:
    """The text that follows the tests' base configuration. `numbers` are the ports'."""
    lines = [_load(what, modules[what]) for what in configuration.order if what in modules]
    for number, port in zip(numbers, configuration.ports):
        lines.append(f"Listen {PEER}:{number}{' https' if port.https else ''}")
        if port.https_elsewhere:
            lines.append(f"Listen {ELSEWHERE}:{number} https")
    if configuration.remoteip == "believing":
        lines.append("RemoteIPHeader CF-Connecting-IP")
    if configuration.sni_policy:
        lines.append(f"SSLVHostSNIPolicy {configuration.sni_policy}")
    lines += [_PLACES, *_settings(configuration.main, ca_files, tls)]
    for number, port in zip(numbers, configuration.ports):
        for host in port.hosts:
            lines += _host(number, host, ca_files, tls)
    return "\n".join(lines) + "\n"


def _load(what: str, path: Path) -> str:
    name = "cfaop" if what == "guard" else what
    return f"LoadModule {name}_module {path}"


def _host(number: int, host: Host, ca_files: Mapping[str, Path], tls: Credential) -> list[str]:
    body = [f"ServerName {host.name}", f"Header always set X-Vhost {host.label}"]
    if host.aliases:
        body.append(f"ServerAlias {' '.join(host.aliases)}")
    body += _settings(host.own, ca_files, tls)
    return [f"<VirtualHost {PEER}:{number}>", *(f"  {line}" for line in body), "</VirtualHost>"]


def _settings(own: Settings, ca_files: Mapping[str, Path], tls: Credential) -> list[str]:
    lines = []
    if own.engine:
        lines.append(f"SSLEngine {own.engine}")
    if own.certificate:
        lines += [f"SSLCertificateFile {tls.cert_file}", f"SSLCertificateKeyFile {tls.key_file}"]
    if own.mode:
        lines.append(f"CFOriginPull {own.mode}")
    if own.trusted:
        lines.append(f"CFOriginPullCACertificateFile {' '.join(str(ca_files[letter]) for letter in own.trusted)}")
    if own.exempt:
        lines.append(f"CFOriginPullExempt {_exemption(own.exempt)}")
    if own.remote_ip is not None:
        lines.append(f"CFOriginPullRemoteIP {'On' if own.remote_ip else 'Off'}")
    return lines


def _exemption(word: str) -> str:
    return {"none": "none", "path": "path /open"}.get(word, f"ip {word}")
