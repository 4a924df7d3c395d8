"""Limits of size: 400 lines a file, 50 lines a function."""

import ast
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILE_LINES = 400
FUNCTION_LINES = 50
SUFFIXES = {".py", ".html", ".js", ".css", ".sh", ".typ"}


def _files() -> list[Path]:
    """Return the files under version control or about to be, without generated ones."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0 and listed.stdout:
        found = [ROOT / line for line in listed.stdout.splitlines()]
    else:
        outside = {".venv", ".tool", "var", "staticfiles", "build"}
        found = [path for path in ROOT.rglob("*") if not outside & set(path.relative_to(ROOT).parts)]
    return [
        path
        for path in found
        if path.suffix in SUFFIXES and path.is_file() and "migrations" not in path.parts
    ]


def test_no_file_is_longer_than_400_lines() -> None:
    files = _files()
    assert len(files) > 50
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files}
    assert {name: length for name, length in lengths.items() if length > FILE_LINES} == {}


def test_no_function_is_longer_than_50_lines() -> None:
    long = {}
    for path in _files():
        if path.suffix != ".py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES:
                    long[f"{path.relative_to(ROOT)}:{node.name}"] = length
    assert long == {}
