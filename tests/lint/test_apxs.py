"""The build by apxs of docs/install.md makes a module like that of make: it exports its record and nothing else."""

import re
import shutil
import subprocess


def test_module_exports_its_record_alone(top, tmp_path):
    (line,) = re.findall(r"^(apxs -c .*?) +#", (top / "docs/install.md").read_text(), re.M)
    shutil.copy(top / "mod_cfaop.c", tmp_path)
    for folder in ("src", "include"):
        shutil.copytree(top / folder, tmp_path / folder, ignore=shutil.ignore_patterns(".libs", "*.o", "*.lo", "*.slo"))
    subprocess.run(["sh", "-c", line], cwd=tmp_path, check=True, capture_output=True)
    symbols = subprocess.run(
        ["nm", "-D", "--defined-only", tmp_path / ".libs/mod_cfaop.so"], check=True, capture_output=True, text=True
    ).stdout
    assert [symbol.split()[-1] for symbol in symbols.splitlines()] == ["cfaop_module"]
