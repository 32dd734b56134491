"""The recipes of CONTRIBUTING.md ("Adding things") name each file that a change touches, and the tree agrees with them."""

import re

import pytest

HEADER, SETTERS = "include/config/directives.h", "src/config/directives.c"
VERDICT = "include/pure/verdict.h"


def recipes(top) -> dict[str, str]:
    """What is added -> how."""
    section = re.search(r"^## Adding things\n(.*?)^## ", (top / "CONTRIBUTING.md").read_text(), re.M | re.S).group(1)
    found = re.findall(r"^\*\*(.+?)\.\*\*(.*?)(?=^\*\*|\Z)", section, re.M | re.S)
    return {what: how for what, how in found}


def directives(sources) -> dict[str, str]:
    """Directive -> its setter, as the table of mod_cfaop.c has them."""
    table = sources["mod_cfaop.c"]
    rows = dict(re.findall(r'AP_INIT_RAW_ARGS\("(\w+)", cfaop_directives_split, \(void \*\)&(\w+),', table))
    setters = dict(re.findall(r"static const cfaop_directive (\w+) = \{(\w+), \w+, [01]\};", table))
    assert len(rows) == len(re.findall(r"\bAP_INIT_", table)) >= 10
    return {name: setters[variable] for name, variable in rows.items()}


def reasons(sources) -> list[str]:
    return re.findall(r'X\(CFAOP_REASON_\w+, "(\w+)"\)', sources[VERDICT])


def listed_in_test(top) -> set[str]:
    """The directives of DIRECTIVES in the tests."""
    text = (top / "tests/integration/test_directives.py").read_text()
    constants = dict(re.findall(r'^([A-Z_]+) = "(CFOriginPull\w*)"', text, re.M))
    lines = re.search(r"^DIRECTIVES = \((.*?)^\)", text, re.M | re.S).group(1)
    lines = re.sub(r"\{(\w+)\}", lambda match: constants[match.group(1)], lines)
    return set(re.findall(r"\bCFOriginPull\w*", lines))


# --- a directive ---


def test_each_directive_has_a_setter(sources):
    setters = directives(sources).values()
    for setter in setters:
        assert re.search(rf"^const char \*{setter}\([^;{{]*\);", sources[HEADER], re.M), f"{setter} is not declared"
        assert re.search(rf"^const char \*{setter}\([^;{{]*\)\n\{{", sources[SETTERS], re.M), f"{setter} is not defined"
    declared = set(re.findall(r"^const char \*(cfaop_directives_\w+)\(.*words\[\]\);", sources[HEADER], re.M))
    assert declared == set(setters), "a setter without a directive"


def test_each_directive_has_a_field(sources):
    """The comment of a field of the configuration names its directive."""
    for name in directives(sources):
        assert re.search(rf"/\*\*<[^/]*\b{name}\b", sources["include/config/config.h"]), name


def test_each_directive_is_fuzzed(top, sources):
    text = (top / "tests/fuzz/fuzz_directives.c").read_text()
    setters = re.search(r"^static const setter setters\[\] = \{(.*?)\};", text, re.M | re.S).group(1)
    assert sorted(re.findall(r"\w+", setters)) == sorted(directives(sources).values())


def test_each_directive_has_a_line_in_the_example(top, sources):
    lines = re.findall(r"^#(CFOriginPull\w*) ", (top / "conf/cfaop.conf").read_text(), re.M)
    assert set(lines) == set(directives(sources))


def test_each_directive_has_a_section(top, sources):
    sections = re.findall(r"^## (CFOriginPull\w*)$", (top / "docs/directives.md").read_text(), re.M)
    assert sorted(sections) == sorted(directives(sources))


def test_each_directive_is_in_the_list_of_the_tests(top, sources):
    assert listed_in_test(top) == set(directives(sources))


# --- a reason for a refusal ---


def test_each_reason_has_a_row(top, sources):
    text = (top / "docs/messages.md").read_text().partition("## Reasons\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|", text, re.M)
    assert len(rows) > 10
    assert rows == [name for name in reasons(sources) if name != "none"]


def test_reasons_are_listed_nowhere_else(sources):
    """What goes by the list needs no change for a new reason; a second list would."""
    for name, text in sources.items():
        if name != VERDICT:
            written = [reason for reason in reasons(sources) if len(reason) > 6 and f'"{reason}"' in text]
            assert len(written) < 3, f"{name}: {written}"


# --- the words of the recipes ---


@pytest.mark.parametrize(("what", "names"), (
    ("A directive", ["include/config/config.h", "src/config/config.c", SETTERS, HEADER, "mod_cfaop.c", "docs/directives.md",
                     "tests/integration/test_directives.py"]),
    ("A directive that changes trust", ["include/config/config.h", "include/trust/trust.h", "src/trust/parts.c",
                                        "tests/integration/test_directives.py"]),
    ("A counter", ["include/stats/counters.h", "include/request/count.h", "src/tls/refuse_alert.c",
                   "tests/integration/support/status_page.py", "docs/directives.md"]),
    ("A reason for a refusal", [VERDICT, "docs/messages.md", "tests/unit/test_verdict.c", "src/trust/chain.c", "src/pure/verdict.c"]),
    ("A line in the log", ["docs/messages.md"]),
    ("A file", ["Makefile.am"]),
))
def test_recipe_names_what_is_touched(top, what, names):
    how = recipes(top)[what]
    assert [name for name in names if f"`{name}`" not in how] == []
    for name in re.findall(r"`((?:[\w.-]+/)*[\w-]+\.\w+)`", how):
        assert (top / name).is_file(), name
    for word in re.findall(r"`(\w+)`", how):  # a function, a struct, a list
        assert any(re.search(rf"\b{word}\b", (top / name).read_text()) for name in names), word
