"""The exams of the sandbox: their patients, and the data of their files."""

from dataclasses import dataclass, field
from typing import Any

from sandbox.seed.render import Box

HEART = "color3d_jpeg_baseline.dcm"
HEART_SMALL = "examples_ybr_color.dcm"
NODE = "examples_jpeg2k.dcm"
FETAL = "examples_palette.dcm"
PELVIS = "gdcm-US-ALOKA-16.dcm"
VESSEL = "color-px.dcm"

# Crops that leave out the lines that name a hospital.
NODE_BOX: Box = (12, 106, 628, 346)
FETAL_BOX: Box = (0, 62, 800, 350)
PELVIS_BOX: Box = (32, 32, 636, 432)


@dataclass(frozen=True)
class Still:
    """One frame as a picture."""

    name: str
    source: str
    frame: int = 0
    box: Box | None = None
    scale: float = 1.0


@dataclass(frozen=True)
class Loop:
    """Several frames as a video."""

    name: str
    source: str
    frames: slice = field(default_factory=lambda: slice(None))
    box: Box | None = None
    scale: float = 1.0


@dataclass(frozen=True)
class Recipe:
    """An exam to be rendered."""

    slug: str
    title: str
    patient: dict[str, Any]
    files: tuple[Still | Loop, ...]


RECIPES = (
    Recipe(
        slug="cardiac-loop",
        title="Heart, four chambers",
        patient={
            "identifier": "MRN-20417",
            "date_of_birth": "1958-03-04",
            "gender": "M",
            "first_name": "伟",
            "last_name": "王",
        },
        files=(
            Loop("apical-loop.mp4", HEART),
            Still("apical-1.jpg", HEART, frame=0),
            Still("apical-2.jpg", HEART, frame=45),
            Loop("apical-short.mp4", HEART, frames=slice(0, 30)),
            Still("apical-3.jpg", HEART, frame=90),
        ),
    ),
    Recipe(
        slug="lymph-node",
        title="Lymph node, power Doppler",
        patient={
            "identifier": "MRN-33871",
            "date_of_birth": "1991-11-23",
            "gender": "F",
            "first_name": "Ingrid",
            "middle_name": "Marie",
            "last_name": "Halvorsen",
        },
        files=(
            Still("node-doppler.png", NODE, box=NODE_BOX),
            Still("node-left.jpg", NODE, box=(12, 106, 320, 346), scale=2.0),
            Still("node-right.jpg", NODE, box=(320, 106, 628, 346), scale=2.0),
        ),
    ),
    Recipe(
        slug="obstetric",
        title="Obstetric, cisterna magna",
        patient={
            "identifier": "OB-0098",
            "date_of_birth": "1994-07-30",
            "gender": "F",
            "first_name": "Amara",
            "last_name": "Nwosu",
        },
        files=(
            Still("cisterna-magna.jpg", FETAL, box=FETAL_BOX),
            Still("measured.png", FETAL, box=(300, 62, 640, 350), scale=2.0),
        ),
    ),
    Recipe(
        slug="pelvis",
        title="Pelvis, two planes",
        patient={"identifier": "A-7741"},
        files=(
            Still("pelvis-split.png", PELVIS, box=PELVIS_BOX),
            Still("pelvis-long.jpg", PELVIS, box=(32, 32, 336, 432), scale=1.5),
            Still("pelvis-trans.jpg", PELVIS, box=(336, 32, 636, 432), scale=1.5),
        ),
    ),
    Recipe(
        slug="canine-cardiac",
        title="Canine heart",
        patient={
            "identifier": "VET-512",
            "animal_name": "Bruno",
            "animal_type": "Dog, Bernese",
            "owner_name": "Lena Fischer",
            "date_of_birth": "2019-05-12",
            "gender": "male",
        },
        files=(
            Loop("heart-loop.mp4", HEART_SMALL, scale=2.0),
            Still("heart-still.jpg", HEART_SMALL, frame=12, scale=2.0),
        ),
    ),
    Recipe(
        slug="vessel-doppler",
        title="Vessel, colour Doppler",
        patient={},
        files=(
            Still("vessel-doppler.png", VESSEL, scale=3.0),
            Still("vessel-doppler.jpg", VESSEL, scale=3.0),
        ),
    ),
)
