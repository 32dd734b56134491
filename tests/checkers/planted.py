"""Faults that the checkers must notice: scripts/check --planted.

    python3 tests/checkers/planted.py TREE FAULT       # breaks that tree, and prints the file that the report must name

    python3 tests/checkers/planted.py --file FAULT     # prints the file that the fault is in

FAULT is the name of a checker, or fuzz-TARGET.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Fault:
    """Texts that stand once in a file, each with what replaces it. The report names the file, or another one."""

    file: str
    replacements: tuple[tuple[str, str], ...]
    reported: str = ""


_UNINITIALISED = Fault("src/pure/address.c", (("    int port = 0;\n", "    int port;\n"),))
_UNLOCKED = Fault(
    "src/trust/memo.c",
    (
        ("return shard && apr_thread_mutex_trylock(shard->mutex) == APR_SUCCESS ? shard : NULL;", "return shard;"),
        ("    apr_thread_mutex_unlock(shard->mutex);\n", "    (void)shard;\n"),
    ),
)
# A race that helgrind would see only now and then; that a mutex is unlocked which no thread has locked it always sees.
_NEVER_LOCKED = Fault("src/trust/memo.c", _UNLOCKED.replacements[:1])
_FREED_TOO_EARLY = Fault(
    "src/config/pin.c",
    (
        ("    if (length > 0 && EVP_Digest(der,", "    OPENSSL_free(der);\n    if (length > 0 && EVP_Digest(der,"),
        ("    OPENSSL_free(der);\n    return same;\n", "    return same;\n"),
    ),
)

FAULTS = {
    "analyzer": _UNINITIALISED,
    "tidy": _UNINITIALISED,
    "cppcheck": _UNINITIALISED,
    "tsan": _UNLOCKED,
    "memcheck": _FREED_TOO_EARLY,
    "helgrind": _NEVER_LOCKED,
}

# Of each fuzz target, found by its own checks.
FUZZ_FAULTS = {
    "address": Fault("src/pure/address.c", (("port > CFAOP_PORT_MAX ? 0 : port", "port"),)),
    "certificate_list": Fault("src/pure/certificate_list.c", (("(which == 1 || which == 2)", "which == 1"),)),
    "chain": Fault("src/trust/chain.c", (('X509_STORE_CTX_set_default(ctx, "ssl_client")', "1"),)),
    "directives": Fault("src/config/peer_limit.c", (("if (names < 1) {", "if (names < 0) {"),)),
    "event_log": Fault("src/base/text.c", ((" && byte != '\"' && byte", " && byte"),)),
    "exemption": Fault("src/config/exemption.c", (("apr_isalnum(c) || c == '-'", "apr_isalnum(c) || c == '%' || c == '-'"),)),
    "peer_limit": Fault("src/base/der.c", (("(tag == V_ASN1_SEQUENCE || ", "(0 || "),)),
    "pem_file": Fault("src/trust/pem_file.c", (("return blocks == begin.bare && blocks == end.bare &&", "return blocks > 0 &&"),)),
    "session": Fault("src/tls/session.c", ((" && !CRYPTO_memcmp(mac, data + AT_MAC, CFAOP_SHA256_LEN)", ""),)),
    "sni": Fault("src/tls/freeze.c", (("!strcasecmp(name, s->server_hostname)", "!strncasecmp(name, s->server_hostname, 14)"),)),
}
FAULTS |= {f"fuzz-{name}": replace(fault, reported=f"fuzz_{name}.c") for name, fault in FUZZ_FAULTS.items()}


def broken(text: str, fault: Fault) -> str:
    for old, new in fault.replacements:
        if text.count(old) != 1:
            raise ValueError(f"{fault.file} has this {text.count(old)} times: {old}")
        text = text.replace(old, new)
    return text


def main() -> None:
    tree, name = sys.argv[1:]
    fault = FAULTS[name]
    if tree == "--file":
        print(fault.file)
        return
    path = Path(tree) / fault.file
    path.write_text(broken(path.read_text(), fault))
    print(fault.reported or fault.file)


if __name__ == "__main__":
    main()
