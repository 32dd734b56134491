"""The breakages that the tests must notice fit the code: a change of the code takes its mutants along."""

import sys


def test_each_breakage_fits_once(top):
    sys.path.insert(0, str(top / "tests" / "mutants"))
    from mutants import MUTANTS

    assert len(MUTANTS) > 300
    assert [mutant.name for mutant in MUTANTS if (top / mutant.file).read_text().count(mutant.old) != 1] == []
    names = [mutant.name for mutant in MUTANTS]
    assert sorted(names) == sorted(set(names))


def test_each_breakage_has_tests_that_exist(top):
    sys.path.insert(0, str(top / "tests" / "mutants"))
    from mutants import MUTANTS

    files = {path.stem for pattern in ("tests/integration/test_*.py", "tests/unit/test_*.c") for path in top.glob(pattern)}
    assert [mutant.name for mutant in MUTANTS if not mutant.tests or not files.issuperset(mutant.tests)] == []
