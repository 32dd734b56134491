"""The layers of the code: what a file may include. Without an umbrella header, and since an undeclared call is an error, this is what it may call, too."""

import re
from pathlib import Path

import pytest

# From the ground up: a file may include its own layer and those before it.
LAYERS = ("pure", "base", "config", "stats", "trust", "tls", "request", "operator", "startup")
# The only files outside of tls that know OpenSSL's TLS: one asks which library mod_ssl runs with, the other for its default level.
KNOW_TLS = {"src/startup/mod_ssl.c", "src/trust/security_level.c"}
OWN = re.compile(r'^#include "([a-z]+)/(\w+)\.h"', re.M)
EXPORTED = re.compile(r"^(?!static|typedef|extern)[A-Za-z_][\w ]*?[ *]+(cfaop_\w+)\(", re.M)


def layer(name: str) -> str:
    """src/LAYER/x.c or include/LAYER/x.h; mod_cfaop.c stands above all."""
    parts = Path(name).parts
    return parts[1] if len(parts) == 3 else "top"


def height(of: str) -> int:
    return LAYERS.index(of) if of in LAYERS else len(LAYERS)


def includes(text: str) -> list[str]:
    return [f"include/{folder}/{stem}.h" for folder, stem in OWN.findall(text)]


def upward(sources: dict[str, str]) -> list[str]:
    """The includes that run back up."""
    return [
        f"{name} includes {header}"
        for name, text in sources.items()
        for header in includes(text)
        if height(layer(header)) > height(layer(name))
    ]


def module_of(name: str) -> str:
    """A source and its header are one."""
    return str(Path(name).with_suffix("")).replace("include/", "").replace("src/", "")


def circles(sources: dict[str, str]) -> list[list[str]]:
    """Files that include each other in a loop, a source with its header taken for one."""
    graph: dict[str, set[str]] = {}
    for name, text in sources.items():
        graph.setdefault(module_of(name), set()).update(module_of(header) for header in includes(text))
    found, done = [], set()

    def visit(node: str, path: list[str]) -> None:
        if node in path:
            found.append(path[path.index(node) :])
        elif node not in done:
            for other in sorted(graph.get(node, set()) - {node}):
                visit(other, [*path, node])
            done.add(node)

    for node in sorted(graph):
        visit(node, [])
    return found


def test_each_file_is_in_a_layer(sources):
    assert {layer(name) for name in sources} == {*LAYERS, "top"}
    assert [name for name in sources if layer(name) == "top"] == ["mod_cfaop.c"]


def test_includes_go_down_or_stay(sources):
    assert upward(sources) == []


def test_no_circle(sources):
    assert circles(sources) == []


def test_planted_arrow_and_circle_are_found(sources):
    """The controls."""
    planted = {**sources, "src/base/text.c": sources["src/base/text.c"] + '#include "tls/handshake.h"\n'}
    assert upward(planted) == ["src/base/text.c includes include/tls/handshake.h"]
    planted = {**sources, "src/trust/pem_form.c": sources["src/trust/pem_form.c"] + '#include "trust/files.h"\n'}
    assert any({"trust/pem_form", "trust/files"} <= set(circle) for circle in circles(planted))


def test_each_source_has_its_header(sources):
    for name in sources:
        if name.startswith("src/"):
            header = name.replace("src/", "include/").replace(".c", ".h")
            assert header in sources, name
            assert header in includes(sources[name])[:1], f"{name} includes its own header first"


def test_no_umbrella(sources):
    """A header that includes a third of all others hides what a file uses."""
    headers = [name for name in sources if name.endswith(".h")]
    assert [name for name in headers if len(includes(sources[name])) > len(headers) / 3] == []


@pytest.mark.parametrize("kind", ("function", "header"))
def test_names_begin_with_their_files(sources, kind):
    wrong = []
    for name, text in sources.items():
        if (kind == "function") != name.endswith(".c") or layer(name) == "top":
            continue
        stem = Path(name).stem
        if kind == "function":
            wrong += [f"{name}: {found}" for found in EXPORTED.findall(text) if not found.startswith(f"cfaop_{stem}")]
        elif f"CFAOP_{layer(name).upper()}_{stem.upper()}_H" not in text:
            wrong.append(name)
    assert wrong == []


def test_tls_is_known_where_it_belongs(sources):
    users = {name for name, text in sources.items() if "<openssl/ssl.h>" in text and layer(name) != "tls"}
    assert users == KNOW_TLS


def test_pure_files_know_neither_httpd_nor_openssl(sources):
    for name, text in sources.items():
        if layer(name) == "pure":
            assert all(layer(header) == "pure" for header in includes(text)), name
            others = {header for header in re.findall(r'^#include [<"]([^">]+)[">]', text, re.M) if "/" not in header or header.startswith("openssl")}
            assert not {header for header in others if header.startswith(("ap_", "http", "openssl", "mod_", "util_"))}, name
