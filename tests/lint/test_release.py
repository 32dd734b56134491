"""scripts/release makes a tarball only of what is committed, dated and of one version, and says what is left to do."""

import hashlib
import os
import shutil
import subprocess

import pytest

# They stand for autoconf and for make distcheck, which makes the tarball in the directory where it runs.
AUTORECONF = "#!/bin/sh\nprintf '#!/bin/sh\\n' > configure\nchmod +x configure\n"
MAKE = "#!/bin/sh\n[ \"$*\" = distcheck ] || exit 1\n[ ! -e ../source/broken ] || exit 2\nls -A ../source > mod_cfaop-1.2.3.tar.gz\n"
CHANGES = "# Changes\n\n## 1.2.3 (2026-01-31)\n\n- new\n"
CONFIGURE = "AC_INIT([mod_cfaop], [1.2.3])\n"


class Project:
    """A small project that git knows, with the script."""

    def __init__(self, top, folder):
        self.folder = folder / "project"
        self.tools = folder / "tools"
        (self.folder / "scripts").mkdir(parents=True)
        self.tools.mkdir()
        for name, text in (("autoreconf", AUTORECONF), ("make", MAKE)):
            (self.tools / name).write_text(text)
            (self.tools / name).chmod(0o755)
        shutil.copy(top / "scripts/release", self.folder / "scripts")
        self.git("init", "-q")
        self.write(**{"CHANGES.md": CHANGES, "configure.ac": CONFIGURE, ".gitignore": "/build/\n/ignored\n"})

    def environment(self):
        names = {f"GIT_{role}_{field}": "test@example.com" for role in ("AUTHOR", "COMMITTER") for field in ("NAME", "EMAIL")}
        return {"PATH": f"{self.tools}:{os.environ['PATH']}", "HOME": str(self.folder), **names}

    def run(self, *words):
        return subprocess.run(words, cwd=self.folder, env=self.environment(), capture_output=True, text=True)

    def git(self, *words):
        assert self.run("git", *words).returncode == 0

    def write(self, **files):
        for name, text in files.items():
            (self.folder / name).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "change")

    def refused(self, *words):
        done = self.run("scripts/release", *words)
        assert done.returncode != 0 and done.stdout == ""
        assert not list(self.folder.rglob("*.tar.gz"))
        return done.stderr


@pytest.fixture
def project(top, tmp_path):
    return Project(top, tmp_path)


def test_tarball_has_what_is_committed(project):
    (project.folder / "ignored").touch()
    before = project.run("git", "log", "--all", "--decorate").stdout
    done = project.run("scripts/release", "1.2.3")
    assert (done.returncode, done.stderr) == (0, "")
    tarball = project.folder / "build/release/mod_cfaop-1.2.3.tar.gz"
    assert tarball.read_text().split() == [".gitignore", "CHANGES.md", "configure", "configure.ac", "scripts"]
    for line in (f"{tarball}\n", f"SHA-256: {hashlib.sha256(tarball.read_bytes()).hexdigest()}\n", f"gpg --armor --detach-sign {tarball}\n",
                 "git tag -s v1.2.3 ", "git push origin v1.2.3\n"):
        assert line in done.stdout
    assert project.run("git", "log", "--all", "--decorate").stdout == before
    assert project.run("git", "status", "--porcelain").stdout == ""


@pytest.mark.parametrize("version", ["1.2", "v1.2.3", "1.2.3.4", "1..3", ".2.3", "1.2.", "1.2.3-rc1", ""])
def test_what_is_no_version(project, version):
    error = project.refused(version)
    assert "not a version" in error or "usage" in error


def test_something_is_not_committed(project):
    (project.folder / "new").touch()
    assert "not committed" in project.refused("1.2.3")


@pytest.mark.parametrize("heading", ["Unreleased", "1.2.3", "1.2.3 (not released)", "1x2.3 (2026-01-31)", "11.2.3 (2026-01-31)"])
def test_changes_without_a_date(project, heading):
    project.write(**{"CHANGES.md": f"# Changes\n\n## {heading}\n"})
    assert "CHANGES.md has no section" in project.refused("1.2.3")


def test_another_version_in_configure(project):
    project.write(**{"CHANGES.md": CHANGES.replace("1.2.3", "1.2.4")})
    assert "write AC_INIT([mod_cfaop], [1.2.4])" in project.refused("1.2.4")


def test_tag_that_exists(project):
    project.git("tag", "v1.2.3")
    assert "exists already" in project.refused("1.2.3")


def test_distcheck_that_fails(project):
    project.write(broken="")
    assert "make distcheck failed" in project.refused("1.2.3")
