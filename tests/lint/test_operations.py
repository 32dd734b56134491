"""What operators copy agrees with what the module counts, and docs/monitoring.md shows the files as they are."""

import json
import re
import textwrap

import pytest

PAGE = "docs/monitoring.md"
RULES = "conf/prometheus/cf-origin-pull.rules.yml"
DASHBOARD = "conf/grafana/cf-origin-pull.json"
# What Prometheus adds to each series.
OF_THE_SCRAPE = {"job", "instance"}
ROW = re.compile(r"^\| `(cf_origin_pull_\w+)` \| ([^|]+) \|", re.M)


@pytest.fixture(scope="module")
def metrics(top) -> dict[str, set[str]]:
    """Name -> labels, as docs/directives.md lists them."""
    rows = ROW.findall((top / "docs/directives.md").read_text())
    return {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language, without their indentation."""
    return [textwrap.dedent(block) for block in re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, re.M | re.S)]


@pytest.fixture(scope="module")
def panels(top) -> list[dict]:
    return json.loads((top / DASHBOARD).read_text())["panels"]


def wrong_names(expression: str, metrics: dict[str, set[str]]) -> list[str]:
    """Metrics and labels that the module does not count."""
    wrong = []
    used = set()
    for name, selector in re.findall(r"\b(cf_origin_pull_\w+)(?:\{([^}]*)\})?", expression):
        labels = metrics.get(name)
        if labels is None:
            wrong.append(name)
            continue
        used |= labels
        wrong += [label for label in re.findall(r"(\w+)(?:=~|!~|!=|=)\"", selector) if label not in labels | OF_THE_SCRAPE]
    for group in re.findall(r"\b(?:by|on|without|ignoring) \(([^)]*)\)", expression):
        wrong += [label for label in re.split(r",\s*", group) if label not in used | OF_THE_SCRAPE]
    return wrong


def test_documented_metrics_are_the_modules(metrics, sources):
    families = re.findall(r'begin_family\(out, "(\w+)", "(\w*)"', sources["src/operator/metrics.c"])
    assert len(metrics) == 7
    assert set(metrics) == {name + suffix for name, suffix in families}


def test_rules_name_what_is_counted(top, metrics):
    text = (top / RULES).read_text()
    expressions = re.findall(r"^ +expr: (?:\|\n((?: {10,}.*\n)+)|(.*)\n)", text, re.M)
    assert len(expressions) == len(re.findall(r"- alert: ", text)) == 4
    for several, one in expressions:
        assert "cf_origin_pull_" in several + one
        assert wrong_names(several + one, metrics) == []


def test_wrong_names_are_found(metrics):
    """The positive control."""
    assert wrong_names('cf_origin_pull_request_total{a="b"}', metrics) == ["cf_origin_pull_request_total"]
    assert wrong_names('cf_origin_pull_requests_total{resumed="true"}', metrics) == ["resumed"]
    assert wrong_names("sum by (sha256) (cf_origin_pull_requests_total)", metrics) == ["sha256"]


def test_dashboard_names_what_is_counted(panels, metrics):
    targets = [target for panel in panels for target in panel["targets"]]
    assert len(targets) >= 12
    for target in targets:
        assert wrong_names(target["expr"], metrics) == [], target["expr"]
        grouped = re.findall(r"by \(([^)]*)\)", target["expr"])
        for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
            assert all(label in group.split(", ") for group in grouped) and grouped, target


def test_dashboard_uses_its_variables_everywhere(panels, metrics):
    for expression in (target["expr"] for panel in panels for target in panel["targets"]):
        for name, selector in re.findall(r"\b(cf_origin_pull_\w+)\{([^}]*)\}", expression):
            for label in OF_THE_SCRAPE | metrics[name] & {"vhost"}:
                assert f'{label}=~"${label}"' in selector, expression
        assert len(re.findall(r"cf_origin_pull_\w+(?!\w|\{)", expression)) == 0, expression


def test_dashboards_variables_are_metrics_labels(top, metrics):
    variables = json.loads((top / DASHBOARD).read_text())["templating"]["list"]
    assert [variable["name"] for variable in variables] == ["datasource", "job", "instance", "vhost"]
    for variable in variables[1:]:
        series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"]).groups()
        assert label == variable["name"]
        assert wrong_names(series, metrics) == []
        assert (variable["multi"], variable["includeAll"], variable["allValue"]) == (True, True, ".*")


def test_dashboard_hangs_together(panels):
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)
    for panel in panels:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_page_shows_the_rules_as_they_are(top):
    shown = [block for block in blocks((top / PAGE).read_text(), "yaml") if "- alert:" in block]
    assert shown == [(top / RULES).read_text()]


def test_pages_scrape_fits_the_example(top):
    (scrape,) = [block for block in blocks((top / PAGE).read_text(), "yaml") if "scrape_configs:" in block]
    example = (top / "conf/examples/status.conf").read_text()
    target = re.search(r"targets: \['([\d.:]+)'\]", scrape).group(1)
    path = re.search(r"metrics_path: (\S+)", scrape).group(1)
    assert f"Listen {target}\n" in example
    assert f'<Location "{path}">\n        SetHandler cf-origin-pull-metrics\n' in example
