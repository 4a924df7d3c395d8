"""The provider's own examples, as its documents print them, corrected to strict JSON."""

import json
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parent / "examples"


def example(name: str) -> Any:
    """Return an example by edition and name, such as "current/poll"."""
    return json.loads((EXAMPLES / f"{name}.json").read_text())


def names() -> set[str]:
    """Return the names of all examples."""
    return {str(path.relative_to(EXAMPLES).with_suffix("")) for path in EXAMPLES.rglob("*.json")}


def differences(documented: Any, answered: Any, *, where: str = "answer") -> list[str]:
    """Return where an answer lacks a documented field or has another type; null matches anything."""
    if documented is None or answered is None:
        return []
    if type(documented) is not type(answered):
        return [f"{where}: {type(answered).__name__} instead of {type(documented).__name__}"]
    if isinstance(documented, list):
        # Every item has to look like the documented first one.
        pairs = [(documented[0], each, f"{where}[]") for each in answered] if documented else []
    elif isinstance(documented, dict):
        missing = [f"{where}.{name}: missing" for name in documented if name not in answered]
        if missing:
            return missing
        pairs = [(value, answered[name], f"{where}.{name}") for name, value in documented.items()]
    else:
        pairs = []
    return [text for one, other, at in pairs for text in differences(one, other, where=at)]
