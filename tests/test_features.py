"""A feature has one name in every layer of its app."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("app", ["exams", "integrations"])
def test_a_layer_has_only_the_folders_of_features(app: str) -> None:
    features = _folders(f"{app}/services", "*.py")
    assert len(features) >= 6
    for layer, pattern in (
        (f"{app}/admin", "*.py"),
        (f"{app}/views", "*.py"),
        (f"templates/{app}", "*.html"),
    ):
        assert _folders(layer, pattern) - features == set(), layer


@pytest.mark.parametrize("app", ["exams", "integrations"])
def test_each_template_belongs_to_a_feature(app: str) -> None:
    assert [path.name for path in (ROOT / "templates" / app).glob("*.html")] == []


def _folders(layer: str, pattern: str) -> set[str]:
    """Return the names of the folders of a layer that hold a file; Git knows no empty ones."""
    return {path.parent.name for path in (ROOT / layer).glob(f"*/{pattern}")}
