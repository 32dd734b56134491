"""scripts/matrix knows its places and its options, and the table keeps what was not tried anew."""

import os
import re
import subprocess
import sys

import pytest

DOCUMENT = "# Where\n\n<!-- written by scripts/matrix: begin -->\n<!-- end -->\n\nBy hand.\n"


# Programs that stand for those of a machine where debootstrap finds no archive.
NO_ARCHIVE = {
    "id": "echo 0",
    "dpkg-query": "echo installed",
    "dpkg": "exit 1",
    "apt-get": "echo http://archive.example/debian",
    "debootstrap": "echo 'E: no such archive' >&2; exit 1",
}


# And of one where a place is there already; what stands for unshare is the run in it.
PLACE_IS_THERE = {**NO_ARCHIVE, "git": "[ $3 = status ] || tar -c -f - -T /dev/null"}


def matrix(top, *words, path=os.environ["PATH"]):
    environment = {**os.environ, "PATH": path}
    return subprocess.run([top / "scripts/matrix", *words], env=environment, capture_output=True, text=True)


def path_with(folder, programs):
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.mark.parametrize(
    "words, complaint",
    [
        (["debian10"], "no such place: debian10"),
        (["--fast"], "no such option: --fast"),
        (["--dir"], "--dir needs a folder"),
        (["--dir", "here", "sid"], "--dir needs a path that begins with /"),
    ],
)
def test_wrong_arguments_make_nothing(top, words, complaint):
    done = matrix(top, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"usage: scripts/matrix [--dir DIR] [--core] [NAME...]\n{complaint}\n"


def test_without_root_all_places_are_skipped(top, tmp_path):
    done = matrix(top, "--dir", tmp_path / "places", "sid", "i386", path=path_with(tmp_path, {"id": "echo 1000"}))
    assert (done.returncode, done.stdout) == (3, "0 passed, 0 failed, 2 skipped\n")
    assert "needs root" in done.stderr and not (tmp_path / "places").exists()


def test_place_that_cannot_be_made_is_skipped_and_says_why(top, tmp_path):
    table = (top / "docs/compatibility.md").read_text()
    done = matrix(top, "--dir", tmp_path / "places", "sid", path=path_with(tmp_path, NO_ARCHIVE))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (3, "0 passed, 0 failed, 1 skipped")
    assert "E: no such archive\nsid: not tried\n" in done.stderr
    assert not (tmp_path / "places/sid").exists()
    assert (top / "docs/compatibility.md").read_text() == table


@pytest.mark.parametrize("run, status, last_line", [
    ("exit 3", 3, "0 passed, 0 failed, 1 skipped"),
    ("exit 1", 1, "0 passed, 1 failed, 0 skipped"),
    ("printf 'demo=ok\\npassed=7\\nfailed=0\\n' > $PLACE/matrix/result", 0, "7 passed, 0 failed, 0 skipped"),
    ("printf 'demo=failed\\npassed=7\\nfailed=0\\n' > $PLACE/matrix/result", 1, "7 passed, 1 failed, 0 skipped"),
    ("printf 'demo=ok\\ntest=failed\\npassed=7\\nfailed=2\\n' > $PLACE/matrix/result", 1, "7 passed, 2 failed, 0 skipped"),
])
def test_run_that_breaks_off_is_a_failure_and_what_a_place_lacks_is_not(top, tmp_path, run, status, last_line):
    place = tmp_path / "places/sid"
    (place / "etc").mkdir(parents=True)
    unshare = f'PLACE={place}; case "$*" in *matrix-run.sh*) {run} ;; esac'
    path = path_with(tmp_path, {**PLACE_IS_THERE, "unshare": unshare})
    done = matrix(top, "--core", "--dir", tmp_path / "places", "sid", path=path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (status, last_line), done.stderr


def test_each_place_of_the_table_has_a_release(top):
    """And each place that has one is in the table: a result without a row would be lost."""
    places = re.findall(r'^    "(\w+)": "', (top / "scripts/matrix_table.py").read_text(), re.M)
    cases = re.findall(r"^    ([\w |]+)\) echo \w+ ;;$", (top / "scripts/matrix-place.sh").read_text(), re.M)
    assert sorted(places) == sorted(name for case in cases for name in case.split(" | "))
    assert len(places) >= 9
    described = (top / "scripts/matrix").read_text()
    assert [name for name in places if not re.search(rf"^# .*\b{name}\b", described, re.M)] == []


class Table:
    """A document, and results of places to be written into it."""

    def __init__(self, top, folder):
        self.program = top / "scripts/matrix_table.py"
        self.folder = folder
        self.document = folder / "document.md"
        self.document.write_text(DOCUMENT)

    def write(self, *options, **results):
        words = []
        for name, lines in results.items():
            (self.folder / name).write_text(lines)
            words.append(f"{name}={self.folder / name}")
        command = [sys.executable, self.program, *options, self.document, *words]
        return subprocess.run(command, capture_output=True, text=True)

    def rows(self):
        """Place -> its cells, in the order of the table."""
        lines = [line for line in self.document.read_text().splitlines() if line.startswith("| ")][1:]
        return {cells[0]: cells[1:] for cells in ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)}


@pytest.fixture
def table(top, tmp_path):
    return Table(top, tmp_path)


RESULT = "demo=ok\ntest=ok\npassed=120\nfailed=0\nskipped=2\nhttpd=2.4.71\nopenssl=3.5.9\nnginx=1.26.3\ncryptography=43.0.0\n"


def test_result_becomes_a_row_with_a_date(table):
    assert table.write(debian13=RESULT).returncode == 0
    what, *values, date = table.rows()["debian13"]
    assert what == "Debian 13"
    assert values == ["2.4.71", "3.5.9", "1.26.3", "43.0.0", "ok", "120", "0", "2"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", date)
    text = table.document.read_text()
    assert text.startswith("# Where\n\n<!--") and text.endswith("<!-- end -->\n\nBy hand.\n")


def test_rows_of_other_places_stay_and_keep_their_date(table):
    left_out = [f"left_out=test_sni.py::test_{name} (3): httpd has no SSLVHostSNIPolicy\n" for name in ("host", "name")]
    table.write(sid=RESULT, debian11=RESULT + "".join(left_out))
    table.document.write_text(re.sub(r"\d{4}-\d\d-\d\d", "2020-02-02", table.document.read_text()))
    table.write(debian13=RESULT, sid=RESULT.replace("passed=120", "passed=121"))
    rows = table.rows()
    assert list(rows) == ["debian11", "debian13", "sid"]
    assert (rows["debian11"][-1], rows["debian11"][-4:-1]) == ("2020-02-02", ["120", "0", "2"])
    assert rows["sid"][-4] == "121" and rows["sid"][-1] != "2020-02-02"
    line = "- debian11: *httpd has no SSLVHostSNIPolicy*: test_sni.py::test_host (3), test_sni.py::test_name (3)"
    assert f"\n{line}\n" in table.document.read_text()


def test_what_is_no_longer_left_out_leaves_the_list(table):
    table.write(debian11=RESULT + "left_out=test_x: no such thing\n")
    table.write(debian11=RESULT)
    assert "test_x" not in table.document.read_text() and "Left out" not in table.document.read_text()


def test_what_a_place_does_not_have_is_a_dash(table):
    table.write(arm64="build=ok\npassed=90\nfailed=0\nhttpd=2.4.71\nopenssl=3.0.22\n")
    assert table.rows()["arm64"][1:-1] == ["2.4.71", "3.0.22", "–", "–", "–", "90", "0", "0"]


def test_printed_rows_leave_the_document_alone(table):
    done = table.write("--print", debian13=RESULT)
    assert "| debian13 | Debian 13 | 2.4.71 |" in done.stdout
    assert table.document.read_text() == DOCUMENT


def test_document_without_a_place_for_the_table_is_not_written(table):
    table.document.write_text("# Where\n")
    done = table.write(debian13=RESULT)
    assert done.returncode == 2 and "has no lines" in done.stderr
    assert table.document.read_text() == "# Where\n"


def test_document_of_this_tree_has_the_table(top):
    assert "<!-- written by scripts/matrix: begin -->\n" in (top / "docs/compatibility.md").read_text()
