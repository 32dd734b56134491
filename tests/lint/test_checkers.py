"""scripts/check: each checker has a planted fault that fits the code, a line in the documents, and what it needs."""

import re
import subprocess
import sys

import pytest


def checkers(top):
    return re.search(r"^every='(.+)'$", (top / "scripts/check").read_text(), re.M)[1].split()


@pytest.fixture
def planted(top, monkeypatch):
    monkeypatch.syspath_prepend(str(top / "tests/checkers"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    import planted

    return planted


def test_each_checker_has_a_planted_fault_that_fits_the_code(top, planted):
    targets = re.search(r"^FUZZ_TARGETS = (.+)$", (top / "Makefile.am").read_text(), re.M)[1].split()
    assert set(planted.FAULTS) == {*checkers(top), *(f"fuzz-{name}" for name in targets)} - {"fuzz"}
    for name, fault in planted.FAULTS.items():
        text = (top / fault.file).read_text()
        assert planted.broken(text, fault) != text, name


def test_fault_that_does_not_fit_is_found(planted):
    """The control."""
    with pytest.raises(ValueError, match="has this 0 times: a"):
        planted.broken("b", planted.Fault("x.c", (("a", "c"),)))


def test_each_checker_is_documented_and_can_be_made(top):
    makefile = (top / "Makefile.am").read_text()
    documented = (top / "docs/reliability.md").read_text()
    usage = (top / "scripts/check").read_text().split("set -eu")[0]
    for name in checkers(top):
        assert f"| `{name}` |" in documented, name
        assert re.search(rf"^(\w+ )*{name}( \w+)*:", makefile, re.M), name
        assert re.search(rf"^#.*\b{name}\b", usage, re.M), name


@pytest.mark.parametrize("words", [[], ["no-such-name"], ["--no-such-option", "tidy"]])
def test_wrong_words_are_refused(top, words):
    done = subprocess.run([top / "scripts/check", *words], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: scripts/check [--planted] NAME...")


# What the module guards without a lock, by a version number.
SUPPRESSED = {"cfaop_numbers_leaf", "cfaop_counters_shown", "write_leaf"}


def test_each_suppression_has_a_reason_and_few_are_the_modules(top, sources):
    """A comment stands before each group of suppressions. Of the module's functions only some are named, and they exist."""
    valgrind = (top / "tests/checkers/valgrind.supp").read_text()
    tsan = (top / "tests/checkers/tsan.supp").read_text()
    for block in [*valgrind.split("\n\n"), *tsan.split("\n\n")]:
        assert block.startswith("#"), block
    assert set(re.findall(r"^ +fun:(cfaop_\w+|write_leaf)$", valgrind, re.M)) == SUPPRESSED
    assert set(re.findall(r"^\w+:(.+)$", tsan, re.M)) == SUPPRESSED
    for name in SUPPRESSED:
        assert any(f"{name}(" in text for text in sources.values()), name
