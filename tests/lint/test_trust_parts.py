"""What decides which certificates are accepted is one list: a directive that changes trust and is not in it turns a test red.

src/trust, which builds what certificates are verified against, is given of a server's configuration only the struct cfaop_verify_conf. Its
fields are the parts of src/trust/parts.c, and so are the members of a trust. The compiler wants three functions for each part.
"""

import re

CONFIG, TRUST, PARTS = "include/config/config.h", "include/trust/trust.h", "src/trust/parts.c"
# What src/trust reads of a server's configuration beside: its results, mistakes of setters, and where an empty list was written.
BESIDE = {"verify", "index", "trust", "broken", "policy", "setter_error", "expiry_error", "ca_where"}
# What a trust has beside its parts, all of it made from them.
MADE = {"digest", "store", "check_names", "names", "unnamed"}


def members(text: str, name: str) -> dict[str, str]:
    """Field -> comment of a struct, "typedef struct {...} name;" or "struct name {...};"."""
    typedef = re.search(rf"typedef struct \{{([^}}]*)\}} {name};", text)
    body = (typedef or re.search(rf"struct {name} \{{([^}}]*)\}};", text)).group(1)
    return dict(re.findall(r"^\s+[\w ()]+?[ *]*(\w+)(?:\[\w+\])?;\s*/\*\*<(.*?)\*/", body, re.M))


def parts(sources) -> dict[str, str]:
    """Member of a trust -> field of cfaop_verify_conf."""
    table = re.search(r"#define PARTS\(X\)((?:.*\\\n)*.*)", sources[PARTS]).group(1)
    return dict(re.findall(r"X\((\w+), (\w+)\)", table))


def fields_read_in_trust(sources) -> set[str]:
    """Of servers' configurations."""
    found = set()
    for name, text in sources.items():
        if name.startswith("src/trust/"):
            owners = "|".join(re.findall(r"cfaop_server_conf \*(\w+)", text)) or "conf"
            found |= set(re.findall(rf"(?:\b(?:{owners})|cfaop_config_of\(\w+\))->(\w+)", text)) if "cfaop_server_conf" in text else set()
            found |= set(re.findall(r"cfaop_config_of\(\w+\)->(\w+)", text))
    return found


def test_each_field_is_a_part(sources):
    fields = members(sources[CONFIG], "cfaop_verify_conf")
    assert len(fields) >= 4
    assert sorted(parts(sources).values()) == sorted(fields)


def test_each_member_is_a_part_or_made_from_parts(sources):
    assert set(members(sources[TRUST], "cfaop_trust")) - MADE == set(parts(sources))


def test_trust_reads_nothing_else(sources):
    assert fields_read_in_trust(sources) - BESIDE == set()


def test_a_field_beside_the_list_is_found(sources):
    """The control."""
    name = "src/trust/policy.c"
    planted = {**sources, name: sources[name].replace("conf->setter_error", "conf->exemptions")}
    assert fields_read_in_trust(planted) - BESIDE == {"exemptions"}


def test_verifying_knows_no_configuration(sources):
    """What a handshake is judged by comes from its policy, which has a digest."""
    for name in ("chain", "issuer", "memo", "store", "names"):
        text = sources[f"src/trust/{name}.c"]
        assert "cfaop_config_of" not in text and "cfaop_server_conf" not in text, name


def test_each_directive_of_the_list_makes_another_policy(top, sources):
    """A test of the dump tells two virtual hosts apart that differ in nothing else."""
    test = (top / "tests/integration/test_directives.py").read_text()
    body = re.search(r"def test_whatever_judges_otherwise_is_another_policy\(.*?(?=\n\n\n)", test, re.S).group()
    names = dict(re.findall(r'^(\w+) = "(CFOriginPull\w+)"', test, re.M))
    used = {names[name] for name in re.findall(r"\{([A-Z_]+)\}", body)}
    for field, comment in members(sources[CONFIG], "cfaop_verify_conf").items():
        assert re.search(r"CFOriginPull\w+", comment).group() in used, field
