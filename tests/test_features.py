"""A feature has the same name in every layer."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("app", ["integrations"])
def test_templates_lie_in_the_folder_of_a_feature(app: str) -> None:
    services = {each.parent.name for each in (ROOT / app / "services").glob("*/__init__.py")}
    templates = {each.parent.name for each in (ROOT / "templates" / app).rglob("*.html")}
    assert templates <= services, f"not a feature: {sorted(templates - services)}"
