"""What belongs to the project and not to the module: files for editors, the public CI and its forms."""

import re

FORMS = [".github/ISSUE_TEMPLATE/bug.md", ".github/pull_request_template.md"]
CI = ".github/workflows/ci.yml"
TEXT = {".ac", ".am", ".c", ".conf", ".h", ".json", ".md", ".py", ".sh", ".yml"}


def texts(top):
    """Path from the top -> text, of the files that are written by hand."""
    folders = [".ci", ".github", "bench", "conf", "docs", "include", "scripts", "src", "tests"]
    files = [path for path in top.iterdir() if path.suffix in TEXT or path.name in {".clang-format", ".clang-tidy", ".editorconfig"}]
    files += [path for folder in folders for path in (top / folder).rglob("*") if path.suffix in TEXT or path.parent.name in {".ci", "scripts"}]
    return {str(path.relative_to(top)): path.read_text() for path in files if path.is_file()}


def test_files_are_as_the_editorconfig_says(top):
    found = texts(top)
    assert len(found) > 200
    wrong = []
    for name, text in found.items():
        wrong += [f"{name}: no newline at its end"] if not text.endswith("\n") or text.endswith("\n\n") else []
        for number, line in enumerate(text.split("\n"), 1):
            if line != line.rstrip():
                wrong.append(f"{name}:{number}: white space at the end of the line")
            if line.startswith("\t") != (name == "Makefile.am" and line[:1].isspace()):
                wrong.append(f"{name}:{number}: indented by the wrong character")
    assert wrong == []


def test_only_scripts_may_be_run(top):
    """A program that changes the modes of a whole tree must not find its way into a commit."""
    texts_that_run = [name for name, text in texts(top).items() if (top / name).stat().st_mode & 0o111 and not text.startswith("#!")]
    assert texts_that_run == []


def test_every_file_of_the_project_is_in_the_makefile(top):
    makefile = (top / "Makefile.am").read_text()
    files = [str(path.relative_to(top)) for folder in (".ci", ".github") for path in (top / folder).rglob("*") if path.is_file()]
    assert set(files) >= {*FORMS, CI, ".ci/run"}
    assert [name for name in [*files, ".editorconfig"] if f"\t{name} \\\n" not in makefile] == []


def test_public_ci_runs_what_ci_runs_and_says_what_it_leaves_out(top):
    text = (top / CI).read_text()
    assert re.search(r"^ +container:\n +image: debian:12\n +options: --privileged$", text, re.M)
    assert re.search(r"^ +- uses: actions/checkout@v\d+\n +- run: bash \.ci/run$", text, re.M)
    comment = " ".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))
    for left_out in ("versions of httpd and OpenSSL", "make bench", "make mutants", "make fuzz"):
        assert left_out in comment


def test_report_of_a_bug_has_what_finds_it(top):
    text = (top / FORMS[0]).read_text()
    for needed in ("apachectl -V", "DUMP_CF_ORIGIN_PULL", "LogLevel cfaop:info", "private keys", "SECURITY.md"):
        assert needed in text
