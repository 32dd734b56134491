"""House rules of the C code and of the tree."""

import re
from pathlib import Path

import pytest

WIDEST_LINE = 120
LONGEST_FUNCTION = 40
LONGEST_FILE = 400


def long_lines(sources: dict[str, str]) -> list[str]:
    return [
        f"{name}:{number}: {len(line)} columns"
        for name, text in sources.items()
        for number, line in enumerate(text.splitlines(), 1)
        if len(line) > WIDEST_LINE
    ]


def long_functions(sources: dict[str, str]) -> list[str]:
    """Counts the lines between the braces, which stand alone at the left edge."""
    found = []
    for name, text in sources.items():
        start = 0
        for number, line in enumerate(text.splitlines(), 1):
            if line == "{":
                start = number
            elif line == "}" and start:
                if number - start - 1 > LONGEST_FUNCTION:
                    found.append(f"{name}:{start}: {number - start - 1} lines")
                start = 0
    return found


def long_files(sources: dict[str, str]) -> list[str]:
    return [f"{name}: {lines} lines" for name, text in sources.items() if (lines := len(text.splitlines())) > LONGEST_FILE]


def test_lines_functions_and_files_are_short(sources, sources_of_tests):
    assert long_lines({**sources, **sources_of_tests}) == []
    assert long_functions({**sources, **sources_of_tests}) == []
    assert long_files({**sources, **sources_of_tests}) == []


def test_what_is_too_long_is_found():
    """The control: each limit, and one more."""
    function = "{\n" + "    ;\n" * LONGEST_FUNCTION
    fits = {"a.c": "x" * WIDEST_LINE + "\n" + function + "}\n"}
    assert (long_lines(fits), long_functions(fits), long_files(fits)) == ([], [], [])
    assert long_lines({"a.c": "x" * (WIDEST_LINE + 1)}) == [f"a.c:1: {WIDEST_LINE + 1} columns"]
    assert long_functions({"a.c": function + "    ;\n}\n"}) == [f"a.c:1: {LONGEST_FUNCTION + 1} lines"]
    assert long_files({"a.c": "\n" * LONGEST_FILE}) == []
    assert long_files({"a.c": "\n" * (LONGEST_FILE + 1)}) == [f"a.c: {LONGEST_FILE + 1} lines"]


def test_log_lines_name_the_module(sources):
    """Without APLOG_USE_MODULE, LogLevel cfaop:... has no effect on a file's lines."""
    for name, text in sources.items():
        if name.endswith(".c") and ("http_log.h" in text or "ap_log_" in text):
            assert ("APLOG_USE_MODULE(cfaop)" in text) != ("AP_DECLARE_MODULE(cfaop)" in text), name


def test_every_source_is_in_the_makefile(top, sources):
    makefile = (top / "Makefile.am").read_text()
    assert [name for name in sources if not re.search(rf"\s{re.escape(name)}\s", makefile)] == []


def test_every_script_is_in_the_makefile(top):
    makefile = (top / "Makefile.am").read_text()
    assert [path.name for path in (top / "scripts").iterdir() if not re.search(rf"scripts/{re.escape(path.name)}\s", makefile)] == []


def test_every_file_of_the_benchmark_is_in_the_makefile(top):
    makefile = (top / "Makefile.am").read_text()
    files = [path for path in (top / "bench").iterdir() if path.suffix in {".py", ".c"}]
    assert [path.name for path in files if not re.search(rf"\sbench/{re.escape(path.name)}\s", makefile)] == []


def test_every_test_is_in_the_makefile(top):
    makefile = (top / "Makefile.am").read_text()
    named = set(re.findall(r"\btests/[\w./-]+", makefile))
    there = {
        str(path.relative_to(top))
        for kind in ("*.py", "*.c", "*.h", "*.ini")
        for path in (top / "tests").rglob(kind)
        if "__pycache__" not in path.parts
    }
    assert there - named == set()


# --- the server configuration: a field that is forgotten in the merge is lost in every virtual host ---


def function_body(text: str, name: str) -> str:
    return re.search(rf"\b{name}\([^;{{]*\)\n\{{\n(.*?)\n\}}", text, re.S).group(1)


def written_fields(header: str) -> dict[str, tuple[str, str]]:
    """Name -> (type, comment) of the fields of cfaop_server_conf that the directives write, those of its verify as verify.NAME."""

    def fields(struct: str, before: str = "") -> dict[str, tuple[str, str]]:
        body = re.search(rf"typedef struct \{{((?:(?!typedef struct).)*?)\}} {struct};", header, re.S).group(1)
        written = body.split("/* resolved from it at startup */")[0]
        found = re.findall(r"^\s+([\w ]+?[ *]+)(\w+);\s*/\*\*<(.*?)\*/", written, re.M)
        return {before + name: (kind.strip(), comment) for kind, name, comment in found}

    own = fields("cfaop_server_conf")
    del own["verify"]
    return {**own, **fields("cfaop_verify_conf", "verify.")}


def test_config_fields_are_merged(sources):
    body = function_body(sources["src/config/config.c"], "cfaop_config_merge")
    fields = written_fields(sources["include/config/config.h"])
    assert len(fields) >= 5
    for name in fields:
        merged = re.search(rf"conf->{re.escape(name)} = (.*?);", body, re.S)
        assert merged, f"{name} is not merged"
        assert f"add->{name}" in merged.group(1), f"{name}: the virtual host's own value is lost"
        if not name.endswith("_is_own"):
            assert f"base->{name}" in merged.group(1), f"{name} is not inherited"


def test_config_fields_are_initialised(sources):
    """apr_pcalloc says "not said" for pointers; a field whose "not said" is another value needs a line of its own."""
    body = function_body(sources["src/config/config.c"], "cfaop_config_create")
    assert "apr_pcalloc" in body
    for name, (kind, comment) in written_fields(sources["include/config/config.h"]).items():
        if kind == "cfaop_mode" or "-1" in comment:
            assert f"conf->{name} = " in body, name


# --- the words of what is counted: each list is the only place of them in the code ---

RESULT = re.compile(r'X\((CFAOP_(?:HANDSHAKE|REQUEST)_\w+), "result=\\"(\w+)\\"[^ ]*",? "(\w+)", (?:\\\n +)?"([\w, ]+)"\)')


def test_results_have_one_list(top, sources):
    """CONTRIBUTING's recipe "A counter": nothing else in the code knows the words, and tests and documents know all of them."""
    results = RESULT.findall(sources["include/stats/counters.h"])
    assert len(results) == len(re.findall(r"\bX\(CFAOP_", sources["include/stats/counters.h"])) == 8
    pages = (top / "tests/integration/support/status_page.py").read_text()
    documented = (top / "docs/directives.md").read_text()
    for value, result, key, heading in results:
        assert [name for name, text in sources.items() if f'"{key}' in text] == ["include/stats/counters.h"]
        assert f'"{key}"' in pages and f'"{heading}"' in pages, value
        assert f"`{result}`" in documented, value
        counted = [name for name, text in sources.items() if re.search(rf"\b{value}\b", text) and name.endswith(".c")]
        assert any(name.startswith(("src/tls/", "src/request/")) for name in counted), f"{value} is not counted"


# --- words ---

FORBIDDEN = {
    "left open": r"\b(TODO|FIXME|XXX|HACK)\b",
    "a path of somebody's machine": r"(?<![\w.])/(work|farm|home)/",
    "a test that does not run": r"pytest\.(mark\.)?(skip|skipif|xfail|importorskip)\b",
}
TEXT = {".c", ".h", ".py", ".md", ".sh", ".conf", ".load", ".ac", ".am", ""}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_words_that_do_not_belong_here(top, what):
    here = Path(__file__).resolve()
    folders = ["bench", "src", "include", "tests", "scripts", "conf", "docs"]
    files = [path for path in top.iterdir() if path.suffix in {".c", ".md", ".ac", ".am"}]
    files += [path for folder in folders for path in (top / folder).rglob("*") if path.suffix in TEXT]
    found = [
        f"{path.relative_to(top)}:{number}: {line.strip()}"
        for path in files
        if path.is_file() and path.resolve() != here and b"\0" not in path.read_bytes()  # not what a compiler left
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if re.search(FORBIDDEN[what], line)
    ]
    assert not found


def test_version_is_that_of_configure(top, sources):
    """apxs does not read configure.ac."""
    version = re.search(r"^AC_INIT\(\[mod_cfaop\], \[(.*)\]\)$", (top / "configure.ac").read_text(), re.M)
    assert version and f'#define CFAOP_VERSION "{version[1]}"\n' in sources["include/base/module.h"]
