"""One tag, one place: a line's tag leads to the one place in the code that writes it, and to the one entry that explains it."""

import re
from collections import Counter

TAG = re.compile(r"CFAOP\d{3}")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)

# Tags that stand at more than one place of the code, how often, and why that is one situation.
EXCEPTIONS = {
    "CFAOP302": (2, "a client was refused for its certificate: in a request, or already in the handshake"),
}


def places(sources) -> Counter:
    return Counter(tag for text in sources.values() for tag in TAG.findall(COMMENT.sub("", text)))


def test_each_tag_stands_at_one_place(sources):
    found = places(sources)
    assert len(found) > 40
    assert {tag: count for tag, count in found.items() if count != EXCEPTIONS.get(tag, (1, ""))[0]} == {}


def test_exceptions_are_few_and_in_use(sources):
    assert len(EXCEPTIONS) <= 3
    assert set(EXCEPTIONS) <= set(places(sources))


def test_a_tag_at_a_second_place_is_found(sources):
    """The control; a tag in a comment is no place."""
    name = "src/trust/policy.c"
    assert places({**sources, name: sources[name] + '"CFAOP101: again"'})["CFAOP101"] == 2
    assert places({**sources, name: sources[name] + "/* see CFAOP101 */"})["CFAOP101"] == 1


def test_each_tag_has_one_entry(top):
    headings = re.findall(r"^## (CFAOP\d{3})$", (top / "docs/messages.md").read_text(), re.M)
    assert headings == sorted(set(headings))
