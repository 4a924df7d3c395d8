"""Make the icon font of the administration: the icons of the theme's font that are used.

Run `make icons` after the theme was upgraded or a page uses another icon; a test fails while one is missing.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import unfold
from fontTools.subset import Options, Subsetter, load_font, save_font
from fontTools.ttLib import TTFont

ROOT = Path(__file__).parents[1]
THEME = Path(unfold.__file__).parent
FONT = Path("unfold/fonts/material-symbols/Material-Symbols-Outlined.woff2")
PACKAGES = ("portal", "exams", "integrations", "accounts", "background", "audit", "foundation")
# In a template: the content of an element with the class, and the argument of an included one.
ELEMENT = re.compile(r"material-symbols-outlined[^>]*>(.*?)</", re.DOTALL)
ARGUMENT = re.compile(r"""icon=["'](\w+)["']""")
TAG = re.compile(r"\{[{%#].*?[}%#]\}|<[^>]*>", re.DOTALL)
CONTENT = re.compile(r"""content: ?"(\w+)\"""")


def icons_of(font: TTFont) -> dict[str, str]:
    """Return the name of each icon's glyph by the icon's name: a ligature of the letters of its name."""
    letters = {glyph: chr(code) for code, glyph in font.getBestCmap().items()}
    found = {}
    for lookup in font["GSUB"].table.LookupList.Lookup:
        for table in lookup.SubTable:
            ligatures = getattr(table, "ExtSubTable", table).ligatures
            for first, endings in ligatures.items():
                for each in endings:
                    found["".join(letters[glyph] for glyph in [first, *each.Component])] = each.LigGlyph
    return found


def used_icons(known: set[str]) -> set[str]:
    """Return the icons that pages, stylesheets and code of the portal and of the theme name."""
    return set(_named()) & known


def _named() -> Iterator[str]:
    for template in [*(ROOT / "templates").rglob("*.html"), *THEME.rglob("*.html")]:
        text = template.read_text(encoding="utf-8")
        yield from ARGUMENT.findall(text)
        for content in ELEMENT.findall(text):
            yield from TAG.sub(" ", content).split()
    for sheet in [*(ROOT / "static").rglob("*.css"), *(THEME / "static").rglob("*.css")]:
        yield from CONTENT.findall(sheet.read_text(encoding="utf-8"))
    yield from _named_in_code(THEME)
    for package in PACKAGES:
        yield from _named_in_code(ROOT / package)


def _named_in_code(folder: Path) -> Iterator[str]:
    # Any text of a module that speaks of icons: names are in tables as well as in arguments.
    for module in folder.rglob("*.py"):
        text = module.read_text(encoding="utf-8")
        if "icon" in text and "migrations" not in module.parts:
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def main() -> None:
    """Write the font below `static/`, where it comes before the theme's own."""
    # Without the closure, every icon that the letters could spell would be kept.
    options = Options(flavor="woff2", layout_closure=False, layout_features=["rlig"], notdef_outline=True)
    font = load_font(THEME / "static" / FONT, options)
    glyphs = icons_of(font)
    used = used_icons(set(glyphs))
    subsetter = Subsetter(options)
    # An icon is a ligature of the letters of its name, so these are needed, too.
    letters = {ord(letter) for name in used for letter in name}
    subsetter.populate(glyphs=sorted(glyphs[name] for name in used), unicodes=sorted(letters))
    subsetter.subset(font)
    target = ROOT / "static" / FONT
    target.parent.mkdir(parents=True, exist_ok=True)
    save_font(font, target, options)
    print(f"{len(used)} icons, {target.stat().st_size:,} bytes: {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
