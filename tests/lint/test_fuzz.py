"""The fuzz targets: each has a corpus, a replay, files that it is for, and a line in the documents."""

import re
import sys

import pytest


@pytest.fixture
def coverage(top, monkeypatch):
    monkeypatch.syspath_prepend(str(top / "tests/fuzz"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    import coverage as module

    return module


def test_each_target_is_known_everywhere(top, coverage):
    targets = sorted(path.stem.removeprefix("fuzz_") for path in (top / "tests/fuzz").glob("fuzz_*.c"))
    makefile = (top / "Makefile.am").read_text()
    assert re.search(r"^FUZZ_TARGETS = (.+)$", makefile, re.M)[1].split() == targets
    assert sorted(set(re.findall(r"tests/fuzz/replay_(\w+)(?= \\|\n)", makefile))) == targets
    assert list(coverage.FUZZED) == targets
    for target in targets:
        assert [*(top / "tests/fuzz/corpus" / target).iterdir()], target
        assert f'fuzz_corpus = "{target}"' in (top / f"tests/fuzz/fuzz_{target}.c").read_text()
    section = (top / "docs/reliability.md").read_text().split("## Fuzzing")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.M) == targets


def test_fuzzed_files_exist(top, coverage):
    assert [file for files in coverage.FUZZED.values() for file in files if not (top / file).exists()] == []


def test_coverage_is_written_between_the_marks(coverage):
    files = [
        {"filename": f"/tree/{file}", "summary": {"lines": {"count": 3, "covered": 2}, "branches": {"count": 0, "covered": 0}}}
        for files in coverage.FUZZED.values()
        for file in files
    ]
    text = coverage.written(f"before\n{coverage.BEGIN}old\n{coverage.END}after\n", coverage.table({"data": [{"files": files}]}, "30"))
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert "| address | `src/pure/address.c` | 2 of 3, 66 % | none |\n" in text


def test_document_without_the_marks_is_left_alone(coverage):
    with pytest.raises(SystemExit, match="no place"):
        coverage.written("text\n", "table\n")
