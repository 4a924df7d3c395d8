"""Tests use settings, arguments and public functions, since a patch breaks silently when code moves."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
OURS = ("portal", "exams", "integrations", "accounts", "background", "audit", "foundation")
# The client of the Cloud is usable alone, and its modules are public.
PUBLIC = "integrations.clarius"


def _modules(tree: ast.Module) -> dict[str, str]:
    """Return our modules that a file imports, by their names in it."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in OURS:
            for each in node.names:
                path = ROOT.joinpath(*node.module.split("."), each.name)
                if path.is_dir() or path.with_suffix(".py").exists():
                    found[each.asname or each.name] = f"{node.module}.{each.name}"
    return found


def _patched(call: ast.Call, modules: dict[str, str]) -> str | None:
    """Return the name in our code that a call patches, or None."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name not in {"setattr", "patch", "object"} or not call.args:
        return None
    owner = call.args[0]
    if isinstance(owner, ast.Constant) and isinstance(owner.value, str):
        return owner.value
    while isinstance(owner, ast.Attribute):
        owner = owner.value
    if not isinstance(owner, ast.Name) or owner.id not in modules:
        return None
    what = call.args[1] if len(call.args) > 1 else None
    return f"{modules[owner.id]}.{what.value if isinstance(what, ast.Constant) else '…'}"


def test_no_test_patches_a_module_of_ours() -> None:
    found = set()
    for path in (ROOT / "tests").rglob("*.py"):
        tree = ast.parse(path.read_text())
        modules = _modules(tree)
        for node in ast.walk(tree):
            target = _patched(node, modules) if isinstance(node, ast.Call) else None
            if target and target.partition(".")[0] in OURS and not target.startswith(PUBLIC):
                found.add((path.relative_to(ROOT / "tests").as_posix(), target))
    assert found == set()


def test_no_test_module_imports_from_another() -> None:
    found = []
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
            if module.startswith("tests.") and module.rpartition(".")[2].startswith("test_"):
                found.append(f"{path.relative_to(ROOT)}: {module}")
    assert found == []
