"""Print the figures of the code's layout: `python scripts/figures.py`, in the root of a checkout."""

import ast
import re
from collections import Counter
from pathlib import Path

PACKAGES = ("foundation", "audit", "background", "accounts", "integrations", "exams", "portal")
# The client stands for itself, and the background has one module for each of its parts.
MAY_BE_FULL = {Path("integrations/clarius"), Path("background")}
MOST_ENTRIES = 15
SHORT = 5
STATE_AS_TEXT = re.compile(
    r"""\b(?:state|hold_reason)(?:__\w+)?\s*(?:=|==|!=|in)\s*[\[(]?\s*["'][a-z_]+["']"""
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def is_text(node: ast.stmt) -> bool:
    """Tell whether a statement is a docstring or another constant."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def plain_functions(tree: ast.Module) -> list[Function]:
    """Return the functions that are no methods and have no decorator."""
    methods = {id(each) for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for each in node.body}
    functions = (node for node in ast.walk(tree) if isinstance(node, Function))
    return [each for each in functions if id(each) not in methods and not each.decorator_list]


def is_one_call(function: Function) -> bool:
    """Tell whether all that a function does is one call."""
    body = [node for node in function.body if not is_text(node)]
    return len(body) == 1 and isinstance(getattr(body[0], "value", None), ast.Call)


def measure(files: list[Path]) -> Counter[str]:
    """Count what can be counted file by file."""
    found: Counter[str] = Counter()
    for file in files:
        text = file.read_text()
        lines = [line for line in text.splitlines() if line.strip()]
        tree = ast.parse(text)
        names = Counter(
            getattr(node, "id", None) or getattr(node, "attr", None)
            for node in ast.walk(tree)
            if isinstance(node, ast.Name | ast.Attribute)
        )
        functions = plain_functions(tree)
        once = [each for each in functions if each.name.startswith("_") and names[each.name] == 1]
        found["statements"] += sum(
            isinstance(node, ast.stmt) and not is_text(node) for node in ast.walk(tree)
        )
        found["private functions used once, of at most five lines"] += sum(
            (each.end_lineno or 0) - each.lineno < SHORT for each in once
        )
        found["plain functions that are one call"] += sum(map(is_one_call, functions))
        found["comments"] += sum(line.lstrip().startswith("#") for line in lines)
        found["lines"] += len(lines)
        if "models" not in file.parts:
            found["states as text outside models"] += sum(bool(STATE_AS_TEXT.search(line)) for line in lines)
        # The keyring defines it, for whoever asks.
        if file.parts[0] != "background" and file.name != "keyring.py":
            found["modules that acquire a lease"] += bool(re.search(r"(?<!\.)\bacquire\(", text))
            found["modules that judge a refused key"] += bool(re.search(r"\bjudge_refusal\(", text))
    return found


def main() -> None:
    """Print one figure a line."""
    files = [
        file
        for package in PACKAGES
        for file in sorted(Path(package).rglob("*.py"))
        if "migrations" not in file.parts
    ]
    found = measure(files)
    comments, lines = found.pop("comments"), found.pop("lines")
    for name, count in found.items():
        print(f"{name}: {count:,}")
    print(f"comments per 100 lines: {100 * comments / lines:.1f}")
    entries = set((each.parent, each) for file in files for each in (file, *file.parents[:-1]))
    folders = Counter(parent for parent, each in entries if each.name != "__init__.py")
    full = {str(folder): count for folder, count in folders.items() if count > MOST_ENTRIES}
    full = {folder: count for folder, count in full.items() if Path(folder) not in MAY_BE_FULL}
    print(f"folders with more than {MOST_ENTRIES} entries: {full or 'none'}")


if __name__ == "__main__":
    main()
