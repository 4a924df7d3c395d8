"""Where the portal finds its templates and static files, and where it keeps its data."""

from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
_packaged = BASE_DIR / "portal" / "files"
# A wheel has templates and static files inside the package; in a checkout they are beside the packages.
FILES_DIR = _packaged if _packaged.is_dir() else BASE_DIR
# An installed portal keeps its data in the folder where it is started, never among the installed packages.
USUAL_VAR_DIR = (Path.cwd() if _packaged.is_dir() else BASE_DIR) / "var"
