""".ci/run runs all tests here and the heart of them on Debian 13, and its last line and its exit status tell of both."""

import shutil
import subprocess

import pytest


@pytest.fixture
def run(top, tmp_path):
    """Runs a copy of .ci/run whose two commands print a last line and end with an exit status."""
    for folder in (".ci", "scripts"):
        (tmp_path / folder).mkdir()
    shutil.copy(top / ".ci/run", tmp_path / ".ci")

    def run_with(test, matrix):
        for name, (last_line, status), arguments in (("test", test, ""), ("matrix", matrix, "--core debian13")):
            script = tmp_path / "scripts" / name
            script.write_text(f'#!/bin/sh\n[ "$*" = "{arguments}" ] || exit 9\necho words\necho "{last_line}"\nexit {status}\n')
            script.chmod(0o755)
        done = subprocess.run([tmp_path / ".ci/run"], capture_output=True, text=True)
        return done.returncode, done.stdout.splitlines()

    return run_with


PASSED = ("100 passed, 0 failed", 0)
CORE_PASSED = ("20 passed, 0 failed, 0 skipped", 0)


def test_both_are_shown_and_summed_up(run):
    status, lines = run(PASSED, CORE_PASSED)
    assert (status, lines[-1]) == (0, "120 passed, 0 failed")
    assert lines[:-1] == ["words", PASSED[0], "words", CORE_PASSED[0]]


@pytest.mark.parametrize(
    "test, matrix, last_line",
    [
        (("99 passed, 1 failed", 1), CORE_PASSED, "119 passed, 1 failed"),
        (PASSED, ("19 passed, 1 failed, 0 skipped", 1), "119 passed, 1 failed"),
        (("something broke", 1), CORE_PASSED, "20 passed, 1 failed"),
        (PASSED, ("something broke", 2), "100 passed, 1 failed"),
    ],
)
def test_failure_of_either_fails(run, test, matrix, last_line):
    status, lines = run(test, matrix)
    assert (status, lines[-1]) == (1, last_line)


def test_debian_13_that_cannot_be_made_is_said_and_does_not_fail(run):
    status, lines = run(PASSED, ("0 passed, 0 failed, 1 skipped", 3))
    assert (status, lines[-1]) == (0, "100 passed, 0 failed")
    assert lines[-2].startswith("Debian 13 was NOT tried")
