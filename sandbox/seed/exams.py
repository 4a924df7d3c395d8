"""The exams that can be submitted; their files are rendered once."""

import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from sandbox.seed.catalogue import RECIPES, Loop, Recipe, Still
from sandbox.seed.render import render_loop, render_still, render_thumbnail

CONTENT_TYPES = {".mp4": "video/mp4", ".jpg": "image/jpeg", ".png": "image/png"}
_rendering = threading.Lock()


@dataclass(frozen=True)
class SeedFile:
    """A rendered file; `path` is relative to the sandbox's folder."""

    name: str
    path: str
    content_type: str


@dataclass(frozen=True)
class SeedExam:
    """An exam that a customer can submit."""

    slug: str
    title: str
    patient: dict[str, Any]
    files: tuple[SeedFile, ...]

    @property
    def thumbnail(self) -> str:
        """Path of the thumbnail, relative to the sandbox's folder."""
        return f"exams/{self.slug}/thumbnail.jpg"


def available_exams() -> tuple[SeedExam, ...]:
    """Return every exam; render missing files."""
    with _rendering:
        return _render_all(settings.SANDBOX_DIR)


def get_exam(slug: str) -> SeedExam:
    """Return one exam; raises KeyError."""
    return {each.slug: each for each in available_exams()}[slug]


@lru_cache(maxsize=4)
def _render_all(root: Path) -> tuple[SeedExam, ...]:
    return tuple(_render(recipe, root) for recipe in RECIPES)


def _render(recipe: Recipe, root: Path) -> SeedExam:
    folder = root / "exams" / recipe.slug
    folder.mkdir(parents=True, exist_ok=True)
    for file in recipe.files:
        if not (folder / file.name).exists():
            _render_file(file, folder / file.name)
    exam = SeedExam(
        slug=recipe.slug,
        title=recipe.title,
        patient=recipe.patient,
        files=tuple(
            SeedFile(file.name, f"exams/{recipe.slug}/{file.name}", CONTENT_TYPES[Path(file.name).suffix])
            for file in recipe.files
        ),
    )
    if not (root / exam.thumbnail).exists():
        still = next(file for file in recipe.files if isinstance(file, Still))
        render_thumbnail(picture=folder / still.name, target=root / exam.thumbnail)
    return exam


def _render_file(file: Still | Loop, target: Path) -> None:
    if isinstance(file, Loop):
        render_loop(source=file.source, frames=file.frames, box=file.box, scale=file.scale, target=target)
    else:
        render_still(source=file.source, frame=file.frame, box=file.box, scale=file.scale, target=target)
