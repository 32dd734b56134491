"""The CA that is compiled in is the one that Cloudflare publishes."""

import base64
import hashlib
import re
import subprocess

# As documented by Cloudflare's certificate of 2019, valid until 2029-11-01.
DOCUMENTED_SHA256 = "9a1ac2b4be15f9f27eee20a734cba4e9898f61001b3bd7c84b69b56a3e25a2b9"


def test_the_pem_is_the_documented_certificate(top):
    blocks = re.findall(
        r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----",
        (top / "conf/authenticated_origin_pull_ca.pem").read_text(),
        re.S,
    )
    assert len(blocks) == 1
    assert hashlib.sha256(base64.b64decode(blocks[0])).hexdigest() == DOCUMENTED_SHA256


def test_the_header_holds_the_same_bytes(top):
    array = re.search(r"builtin_ca_der\[\] = \{(.*?)\}", (top / "include/trust/builtin_ca.h").read_text(), re.S).group(1)
    der = bytes(int(byte, 16) for byte in re.findall(r"0x([0-9a-f]{2})", array))
    assert hashlib.sha256(der).hexdigest() == DOCUMENTED_SHA256


def test_the_header_is_what_the_script_makes(top):
    made = subprocess.run(
        [top / "scripts/make-builtin-ca", "conf/authenticated_origin_pull_ca.pem"],
        cwd=top, check=True, capture_output=True, text=True,
    ).stdout
    assert made == (top / "include/trust/builtin_ca.h").read_text()
