"""The icon font of the administration has every icon that a page can show, and few others."""

from fontTools.ttLib import TTFont

from scripts.icon_font import FONT, ROOT, THEME, icons_of, used_icons


def test_no_page_names_an_icon_that_the_font_lacks() -> None:
    used = used_icons(set(icons_of(TTFont(THEME / "static" / FONT))))
    # Named in the navigation, in a template of the theme, in an included one, and in a stylesheet.
    assert {"ecg_heart", "logout", "history", "calendar_today"} <= used
    missing = used - set(icons_of(TTFont(ROOT / "static" / FONT)))
    assert not missing, "Run: make icons"


def test_the_font_is_small() -> None:
    assert (ROOT / "static" / FONT).stat().st_size < 20_000
