"""The documents say what the code does: no directive, log tag or link is missing on either side."""

import os
import re
import shutil
import subprocess
from pathlib import Path

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


# --- links ---

TOP = Path(__file__).resolve().parents[2]
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGES.md", *sorted(f"docs/{path.name}" for path in (TOP / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")


def links(path: Path) -> list[tuple[str, str]]:
    """(file, anchor) of what a document links in this tree."""
    return [link for link in LINK.findall(path.read_text()) if "://" not in link[0]]


def anchors(path: Path) -> set[str]:
    """The names that GitHub gives to a document's headings."""
    headings = re.findall(r"^#+ +(.+)$", path.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_and_named_files_exist(top, document):
    path = top / document
    text = path.read_text()
    for target, anchor in links(path):
        there = path.parent / target if target else path
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), f"{target}#{anchor}"
    for named in re.findall(r"`((?:src|include|conf|scripts|docs|tests)/[\w./-]+\.\w+)(?:::\w+)?`", text):
        assert (top / named).exists(), named
    for named, test in re.findall(r"`(tests/[\w./-]+\.py)::(\w+)`", text):
        assert re.search(rf"^ *(async )?def {test}\(|^class {test}\b", (top / named).read_text(), re.M), f"{named}::{test}"


def test_every_document_is_linked_from_readme(top):
    linked = {target for target, _ in links(top / "README.md")}
    assert set(DOCUMENTS) - {"README.md"} - linked == set()


def test_readme_is_short(top):
    assert len((top / "README.md").read_text().splitlines()) <= 150


def test_section_that_a_log_line_names_is_in_readme(top, sources):
    named = [name for text in sources.values() for name in re.findall(r'\\"([^"\\]+)\\" in the README', text)]
    assert named
    assert set(named) - set(sections((top / "README.md").read_text(), "##")) == set()


def make_install(builddir, destination, *variables):
    environment = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}}
    command = ["make", "-s", "install-data", f"DESTDIR={destination}", *variables]
    done = subprocess.run(command, cwd=builddir, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_links_hold_where_the_documents_are_installed(builddir, tmp_path):
    make_install(builddir, tmp_path)
    (readme,) = tmp_path.rglob("README.md")
    folder = readme.parent
    # it points to where make install without DESTDIR would put the files
    conf = folder / "conf"
    there = f"{tmp_path}{os.readlink(conf)}"
    conf.unlink()
    conf.symlink_to(there)
    assert sorted(str(path.relative_to(folder)) for path in [*folder.glob("*.md"), *folder.glob("docs/*.md")]) == sorted(DOCUMENTS)
    for document in DOCUMENTS:
        path = folder / document
        assert [target for target, _ in links(path) if not (path.parent / target).exists()] == [], document


def test_installed_examples_log_where_this_httpd_does(top, builddir, tmp_path):
    with_logs = {path.name for path in (top / "conf").rglob("*.conf") if "/var/log/apache2" in path.read_text()}
    assert len(with_logs) >= 3
    make_install(builddir, tmp_path, "httpd_logdir=/opt/httpd/logs")
    installed = [path for path in tmp_path.rglob("*.conf") if not path.is_symlink()]
    assert [path.name for path in installed if "/var/log/apache2" in path.read_text()] == []
    assert {path.name for path in installed if "/opt/httpd/logs/" in path.read_text()} == with_logs


def test_documents_can_be_left_out(top, tmp_path):
    """A tree of its own: one that was configured in place cannot be configured from outside."""
    source = tmp_path / "source"
    shutil.copytree(top, source, ignore=shutil.ignore_patterns(".git", "build", "config.status", "Makefile", ".deps"))
    build = tmp_path / "build"
    build.mkdir()
    subprocess.run([source / "configure", "--quiet", "--disable-documents"], cwd=build, check=True, capture_output=True)
    make_install(build, tmp_path / "installed")
    names = {path.name for path in (tmp_path / "installed").rglob("*") if path.is_file()}
    assert {"cfaop.conf", "cfaop.load", "basic.conf"} <= names
    assert [name for name in names if name.endswith((".md", ".svg", ".png")) or name == "LICENSE"] == []


# --- plain words ---

# A sentence names its actor: the client, the edge, the administrator, mod_ssl, the guard.
RIDDLES = re.compile(
    r"\b(who(m|so)?ever|whom|(no|some|any|every)(body|one)(?!-)|ours|theirs|one's own|by us)\b|\bno one\b", re.I)


def prose(path: Path) -> str:
    """A document without its code, the names of tests among it; of other files the comments."""
    text = path.read_text()
    if path.suffix == ".md":
        return re.sub(r"^```.*?^```$|`[^`\n]*`", "", text, flags=re.M | re.S)
    return "\n".join(line for line in text.splitlines() if re.match(r"\s*#", line))


def test_comments_and_messages_of_the_code_name_the_actor(sources):
    found = [
        f"{name}: {match.group()}: {words.strip()}"
        for name, text in sources.items()
        for words in re.findall(r'/\*.*?\*/|"(?:[^"\\\n]|\\.)*"', text, re.S) for match in RIDDLES.finditer(words)
    ]
    assert found == []


def test_documents_and_comments_name_the_actor(top):
    files = [top / document for document in DOCUMENTS]
    files += [path for pattern in ("*.conf", "*.yml") for path in (top / "conf").rglob(pattern)]
    files += [path for path in (top / ".github").rglob("*") if path.is_file()]
    files += [path for path in (top / "scripts").iterdir() if path.is_file()]
    found = [
        f"{path.relative_to(top)}: {match.group()}: {line.strip()}"
        for path in files for line in prose(path).splitlines() for match in RIDDLES.finditer(line)
    ]
    assert found == []


@pytest.mark.parametrize("text", ["whoever asks", "Nobody is refused.", "of everybody's", "with ours", "whom On would refuse", "no one"])
def test_riddles_are_found(text):
    """The positive control."""
    assert RIDDLES.search(text)
