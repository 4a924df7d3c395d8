"""The licences of what is installed are written down, and the bill of materials lists it."""

import re
from importlib.metadata import files
from pathlib import Path

import pytest

from scripts.licences import PAGE, SETS, bill, licence_of, pinned


@pytest.mark.parametrize("name", SETS)
def test_the_page_names_every_pinned_package_with_its_licence(name: str) -> None:
    rows = dict(re.findall(r"^\| ([\w.-]+) \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    packages = pinned(name)
    assert packages
    assert {package: rows.get(package) for package in packages} == {
        package: licence_of(package) for package in packages
    }, "Run: make licences"


def test_the_page_names_every_library_in_the_wheel_of_pyav() -> None:
    bundled = {Path(file).name.partition("-")[0] for file in files("av") or [] if "av.libs" in str(file)}
    if not bundled:
        pytest.skip("PyAV was built here, with the libraries of the system.")
    section = PAGE.read_text(encoding="utf-8").partition("## What is inside")[0]
    assert {"libx264", "libx265", "libavcodec"} <= bundled
    assert {name for name in bundled if name not in section} == set()


def test_the_bill_of_materials_has_every_package_and_the_gpl_parts() -> None:
    made = bill()
    parts = {part["name"]: part for part in made["components"]}
    assert set(parts) == set(pinned("portal"))
    assert all(part["version"] and part["licenses"] and part["hashes"] for part in parts.values())
    assert {"x264", "x265"} <= {part["name"] for part in parts["av"]["components"]}
    assert made["metadata"]["component"]["name"] == "clarius-integrator-portal"
    assert not re.search(r"pypi\.org|/simple/", str(made))
