"""List the licences of every pinned package, and write the bill of materials (CycloneDX).

`make licences` writes the tables of docs/licences.md and `build/sbom.cdx.json`, with the licences that
the installed packages name.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

from license_expression import get_spdx_licensing

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "licences.md"
BILL = ROOT / "build" / "sbom.cdx.json"
SETS = ("portal", "demo", "dev")
LICENSING = get_spdx_licensing()
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)
# What packages call their licence, where that is not its SPDX identifier.
NAMES = {
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "New BSD": "BSD-3-Clause",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD 3-Clause OR Apache-2.0": "BSD-3-Clause OR Apache-2.0",
    "GPL-3.0": "GPL-3.0-only",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSFL": "PSF-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
# Packages that do not say it in a way that can be read, or that this platform does not install.
BY_PACKAGE = {
    "async-timeout": "Apache-2.0",
    "axe-playwright-python": "MIT",
    "colorama": "BSD-3-Clause",
    "pypdfium2": "(Apache-2.0 OR BSD-3-Clause) AND BSD-3-Clause",
    "pytest-django": "BSD-3-Clause",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
}
# Libraries inside PyAV's wheel whose licence governs how the whole may be passed on.
BUNDLED = {"x264": "GPL-2.0-or-later", "x265": "GPL-2.0-or-later", "FFmpeg": "GPL-2.0-or-later"}


def pinned(name: str) -> list[str]:
    """Return the pinned packages of a requirements file."""
    return list(PINNED.findall((ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")))


def licence_of(package: str) -> str:
    """Return the SPDX expression of a package's licence; raises ValueError if it is not known."""
    for found in _claims(package):
        expression = NAMES.get(found, found)
        if found and not LICENSING.validate(expression).errors:
            return expression
    raise ValueError(f"Add the licence of {package} to BY_PACKAGE.")


def _claims(package: str) -> Iterator[str]:
    if package in BY_PACKAGE:
        yield BY_PACKAGE[package]
        return
    try:
        about = metadata(package)
    except PackageNotFoundError:
        return
    yield about.get("License-Expression", "")
    yield about.get("License", "")
    for each in about.get_all("Classifier", []):
        if each.startswith("License :: OSI Approved :: "):
            yield each.rpartition(" :: ")[2]


def tables() -> str:
    """Return a table for each requirements file, each without the packages of those before."""
    titles = {"portal": "The portal", "demo": "Only the sandbox and the demo", "dev": "Only for development"}
    parts: list[str] = []
    seen: set[str] = set()
    for name in SETS:
        packages = [package for package in pinned(name) if package not in seen]
        seen |= set(packages)
        rows = [f"| {package} | {licence_of(package)} |" for package in packages]
        parts.append("\n".join([f"### {titles[name]}", "", "| package | licence |", "| --- | --- |", *rows]))
    return "\n\n".join(parts)


def bill() -> dict[str, Any]:
    """Return the bill of materials of the pinned requirements, without the address of a registry."""
    command = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", "--output-reproducible"]
    command += ["--pyproject", "pyproject.toml", "requirements/portal.txt"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    made: dict[str, Any] = json.loads(done.stdout)
    for tool in made["metadata"]["tools"]["components"]:
        del tool["externalReferences"]
    for part in made["components"]:
        del part["description"]
        # Each is one of the files that may be installed.
        part["hashes"] = [one for source in part.pop("externalReferences") for one in source["hashes"]]
        part["licenses"] = [{"expression": licence_of(part["name"])}]
        if part["name"] == "av":
            part["components"] = [
                {"type": "library", "name": name, "licenses": [{"expression": licence}]}
                for name, licence in BUNDLED.items()
            ]
    return made


def main() -> None:
    """Write both."""
    before, _, _ = PAGE.read_text(encoding="utf-8").partition("## Packages")
    PAGE.write_text(f"{before}## Packages\n\n{tables()}\n", encoding="utf-8")
    BILL.parent.mkdir(exist_ok=True)
    BILL.write_text(json.dumps(bill(), indent=2) + "\n", encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} and {BILL.relative_to(ROOT)} are written.")


if __name__ == "__main__":
    main()
