"""The documents say what the code does: no directive, log tag or link is missing on either side."""

import re

import pytest

DIRECTIVE = re.compile(r'AP_INIT_\w+\("(\w+)"')
TAG = re.compile(r"CFAOP\d{3}")


def directives(sources) -> list[str]:
    return DIRECTIVE.findall(sources["mod_cfaop.c"])


def sections(text: str, level: str) -> dict[str, str]:
    """Heading -> text below it."""
    parts = re.split(rf"^{level} +(.+)$", text, flags=re.M)
    return dict(zip((heading.strip(" `") for heading in parts[1::2]), parts[2::2]))


def test_every_directive_is_documented_as_apaches_manual_does(top, sources):
    documented = sections((top / "docs/directives.md").read_text(), "##")
    names = directives(sources)
    assert len(names) >= 4
    for name in names:
        assert name in documented, name
        for label in ("Syntax:", "Default:", "Context:", "Compatibility:"):
            assert label in documented[name], f"{name}: {label}"


def test_no_directive_is_documented_that_does_not_exist(top, sources):
    text = "\n".join(path.read_text() for path in [top / "README.md", *(top / "docs").glob("*.md"), *(top / "conf").rglob("*.conf")])
    assert set(re.findall(r"\bCFOriginPull\w*", text)) <= set(directives(sources))


def test_every_log_tag_is_documented_and_every_documented_tag_exists(top, sources):
    in_code = {tag for name, text in sources.items() if name.endswith(".c") for tag in TAG.findall(text)}
    documented = sections((top / "docs/messages.md").read_text(), "##")
    headings = {match.group() for heading in documented if (match := TAG.match(heading))}
    assert in_code
    assert in_code - headings == set(), "not documented"
    assert headings - in_code == set(), "not in the code"


def test_every_message_has_level_cause_and_cure(top):
    for heading, text in sections((top / "docs/messages.md").read_text(), "##").items():
        if TAG.match(heading):
            for label in ("**Level:**", "**Cause:**", "**Cure:**"):
                assert label in text, f"{heading}: {label}"


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGES.md", "docs/directives.md",
                                      "docs/messages.md", "docs/panels.md", "docs/performance.md", "docs/security-model.md",
                                      "docs/upstream.md"])
def test_links_and_named_files_exist(top, document):
    path = top / document
    text = path.read_text()
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if "://" not in target:
            assert (path.parent / target).exists(), target
    for named in re.findall(r"`((?:src|include|conf|scripts|docs|tests)/[\w./-]+\.\w+)(?:::\w+)?`", text):
        assert (top / named).exists(), named
    for named, test in re.findall(r"`(tests/[\w./-]+\.py)::(\w+)`", text):
        assert re.search(rf"^ *(async )?def {test}\(|^class {test}\b", (top / named).read_text(), re.M), f"{named}::{test}"
