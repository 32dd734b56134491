"""The packages: their versions, files and steps agree with the tree; scripts/package-test tries them on systems of their own."""

import re
import shlex
import stat
import subprocess

import pytest


def version(top):
    return re.search(r"^AC_INIT\(\[mod_cfaop\], \[(.*)\]\)$", (top / "configure.ac").read_text(), re.M).group(1)


def test_packages_have_the_version_of_configure(top):
    assert (top / "debian/changelog").read_text().startswith(f"mod-cfaop ({version(top)}-")
    assert re.search(rf"^Version: +{re.escape(version(top))}$", (top / "packaging/rpm/mod_cfaop.spec").read_text(), re.M)


def test_every_file_of_the_packages_is_in_the_makefile(top):
    makefile = (top / "Makefile.am").read_text()
    tracked = [path for folder in ("debian", "packaging") for path in (top / folder).rglob("*") if path.is_file()]
    made_by_debhelper = {"debhelper-build-stamp", "files"}
    names = [str(path.relative_to(top)) for path in tracked if path.name not in made_by_debhelper and ".debhelper" not in path.parts]
    assert len(names) >= 15
    assert [name for name in names if f"\t{name} \\\n" not in makefile] == []


def test_all_packages_want_the_httpd_that_configure_wants(top):
    assert re.search(r"^Depends: apache2-bin \(>= 2\.4\.48\)", (top / "debian/control").read_text(), re.M)
    assert "Requires:       httpd >= 2.4.48\n" in (top / "packaging/rpm/mod_cfaop.spec").read_text()
    assert "AP_SERVER_PATCHLEVEL_NUMBER < 48" in (top / "configure.ac").read_text()


# --- the Dockerfile's steps ---


def steps(top, dockerfile):
    return subprocess.run([top / "scripts/package-image.py", dockerfile], capture_output=True, text=True)


def test_every_step_of_the_dockerfile_is_known_and_its_files_are_there(top):
    done = steps(top, top / "packaging/docker/Dockerfile")
    assert (done.returncode, done.stderr) == (0, "")
    calls = [shlex.split(line) for line in done.stdout.splitlines()]
    assert [call[1] for call in calls if call[0] == "stage"] == ["build", "final"]
    copied = [call[1] for call in calls if call[0] == "copy_in"]
    assert "." in copied and len(copied) == 3
    assert [name for name in copied if not (top / name).exists()] == []
    (check,) = [call[1] for call in calls if call[0] == "healthcheck"]
    assert check == "/usr/local/bin/healthcheck"
    assert (top / "packaging/docker/healthcheck").stat().st_mode & stat.S_IXUSR


def test_continued_lines_are_one_step(top, tmp_path):
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("# words\nFROM httpd:2.4 AS build\nRUN one \\\n    && two\nEXPOSE 443\n")
    assert [shlex.split(line) for line in steps(top, dockerfile).stdout.splitlines()] == [
        ["stage", "build", "httpd:2.4"], ["run", "one      && two"]]


@pytest.mark.parametrize("line", ["USER nobody", "COPY --chown=1:1 a /b", "HEALTHCHECK NONE", "ADD a /b"])
def test_unknown_step_is_an_error(top, tmp_path, line):
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text(f"FROM httpd:2.4\n{line}\n")
    done = steps(top, dockerfile)
    assert done.returncode != 0
    assert f"no way to do this here: {line}" in done.stderr


# --- arguments ---


@pytest.mark.parametrize("script", ["package", "package-test"])
@pytest.mark.parametrize("words", [["zip"], ["deb", "deb", "zip"], ["--dir"]])
def test_wrong_arguments(top, script, words):
    done = subprocess.run([top / "scripts" / script, *words], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"usage: scripts/{script} ")
