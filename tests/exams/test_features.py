"""A feature has one name in every layer of exams."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("layer", ["exams/admin", "exams/views", "templates/exams"])
def test_a_layer_has_only_the_folders_of_features(layer: str) -> None:
    features = _folders("exams/services")
    assert len(features) == 8
    assert _folders(layer) - features == set()


def test_each_template_of_exams_belongs_to_a_feature() -> None:
    assert [path.name for path in (ROOT / "templates/exams").glob("*.html")] == []


def _folders(layer: str) -> set[str]:
    return {path.name for path in (ROOT / layer).iterdir() if path.is_dir() and path.name != "__pycache__"}
