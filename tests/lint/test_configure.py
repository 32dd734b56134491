"""configure says what is missing and what to install, and refuses what the module cannot work with."""

import os
import re
import shutil
import stat
import subprocess

import pytest


# What configure finds out about the compiler and the C library, which is the same in every test.
SAME_EVERYWHERE = re.compile(r"(ac_cv_(prog|c_|objext|exeext|build|header_(std|str|sys|int|uni))|am_cv_)")


class Machine:
    """A machine with headers of our making, as configure sees it through a false apxs."""

    def __init__(self, top, tmp_path, known=""):
        self.dir = tmp_path
        self.include = tmp_path / "include"
        self.path = "/usr/bin:/bin:/usr/sbin:/sbin"
        (self.include / "openssl").mkdir(parents=True)
        # A copy: a tree that was configured in place cannot be configured from outside.
        shutil.copy(top / "configure", tmp_path)
        shutil.copytree(top / "build-aux", tmp_path / "build-aux")
        (tmp_path / "mod_cfaop.c").touch()
        self.header("httpd.h")
        self.header("mod_ssl_openssl.h")
        self.httpd(2, 4, 48)
        self.apr(1, 7)
        apxs = tmp_path / "apxs"
        apxs.write_text(
            "#!/bin/sh\n"
            'case $2 in\n'
            f"*INCLUDEDIR) echo {self.include} ;;\n"
            "APR_CONFIG) echo true ;;\n"
            "esac\n"
        )
        apxs.chmod(apxs.stat().st_mode | stat.S_IXUSR)
        self.apxs = str(apxs)
        self.cache = tmp_path / "config.cache"
        self.cache.write_text(known)

    def header(self, name, text=""):
        (self.include / name).write_text(text + "\n")

    def httpd(self, major, minor, patch):
        self.header(
            "ap_release.h",
            f"#define AP_SERVER_MAJORVERSION_NUMBER {major}\n"
            f"#define AP_SERVER_MINORVERSION_NUMBER {minor}\n"
            f"#define AP_SERVER_PATCHLEVEL_NUMBER {patch}",
        )

    def apr(self, major, minor):
        self.header(
            "apr_version.h",
            f"#define APR_VERSION_AT_LEAST(a, i, p) ({major} > (a) || ({major} == (a) && {minor} >= (i)))",
        )

    def does_not_look_in(self, *folders):
        script = self.dir / "configure"
        text = script.read_text()
        for folder in folders:
            assert folder in text
            text = text.replace(folder, "/nonexistent")
        script.write_text(text)

    def configure(self, *arguments):
        """Returns configure's last error, or what it said of the first checks when it got past them all."""
        env = {**os.environ, "PATH": self.path, "APXS": self.apxs or ""}
        done = subprocess.run(["./configure", "-C", *arguments], cwd=self.dir, env=env, capture_output=True, text=True)
        self.warnings = done.stderr
        errors = [line for line in done.stderr.splitlines() if line.startswith("configure: error:")]
        return errors[-1] if errors else ""


@pytest.fixture(scope="module")
def complete(top, tmp_path_factory):
    """A machine that has everything, and what configure said there."""
    machine = Machine(top, tmp_path_factory.mktemp("complete"))
    return machine, machine.configure()


@pytest.fixture
def machine(top, tmp_path, complete):
    """The same once more, to be spoilt. The compiler needs no second look."""
    known = complete[0].cache.read_text().splitlines(keepends=True)
    return Machine(top, tmp_path, "".join(line for line in known if SAME_EVERYWHERE.match(line)))


def test_what_is_enough_is_accepted(complete):
    """The positive control: nothing of the below is refused. (It ends for want of a Makefile.in.)"""
    error = complete[1]
    assert error == "" or "Makefile.in" in error


def test_no_apxs(machine):
    """Neither on PATH nor where configure looks besides, whatever this machine has there."""
    bin_without_apxs = machine.dir / "bin"
    bin_without_apxs.mkdir()
    machine.does_not_look_in("/usr/sbin", "/usr/local/apache2/bin")
    for folder in ("/bin", "/usr/bin"):
        for name in os.listdir(folder):
            if not name.startswith("apxs") and not (bin_without_apxs / name).is_symlink():
                (bin_without_apxs / name).symlink_to(os.path.join(folder, name))
    machine.path, machine.apxs = str(bin_without_apxs), None
    assert "apt-get install apache2-dev" in machine.configure()


@pytest.mark.parametrize(
    "header, package",
    [("httpd.h", "apache2-dev"), ("openssl/ssl.h", "libssl-dev"), ("mod_ssl_openssl.h", "apache2-ssl-dev")],
)
def test_a_missing_header_is_named_with_its_package(machine, header, package):
    machine.header(header, "#error not there")
    assert f"apt-get install {package}." in machine.configure()


@pytest.mark.parametrize("version", [(2, 4, 47), (2, 2, 99), (2, 6, 0), (3, 0, 0)])
def test_httpd_of_another_series_or_too_old(machine, version):
    machine.httpd(*version)
    assert "needs httpd 2.4.48 or later" in machine.configure()


def test_trunk_is_accepted_as_not_released(machine):
    machine.httpd(2, 5, 1)
    error = machine.configure()
    assert error == "" or "Makefile.in" in error
    assert "httpd 2.5 is not released" in machine.warnings


def test_apxs_can_be_named(machine):
    """What --with-apxs names comes before APXS and PATH."""
    apxs, machine.apxs = machine.apxs, "/usr/bin/false"
    assert "Makefile.in" in (machine.configure(f"--with-apxs={apxs}") or "Makefile.in")


@pytest.mark.parametrize("value, complaint", [("=yes", "needs the path of apxs"), ("=/nowhere/apxs", "/nowhere/apxs, named as apxs, cannot be run")])
def test_apxs_named_wrongly(machine, value, complaint):
    assert complaint in machine.configure(f"--with-apxs{value}")


def test_old_apr(machine):
    machine.apr(1, 6)
    assert "needs APR 1.7 or later" in machine.configure()


def test_libressl(machine):
    machine.header(
        "openssl/opensslv.h", "#define OPENSSL_VERSION_NUMBER 0x20000000L\n#define LIBRESSL_VERSION_NUMBER 0x3080200fL"
    )
    machine.header("openssl/ssl.h")
    assert "needs OpenSSL: LibreSSL" in machine.configure()


def test_old_openssl(machine):
    machine.header("openssl/opensslv.h", "#define OPENSSL_VERSION_NUMBER 0x1010010fL")
    machine.header("openssl/ssl.h")
    assert "needs OpenSSL 1.1.1 or later" in machine.configure()
