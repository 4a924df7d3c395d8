"""Names are written in the order of their script."""

from datetime import date

import pytest

from exams.models.names import doubt_birth, join_name


@pytest.mark.parametrize(
    ("first", "middle", "last", "written"),
    [
        ("伟", "", "王", "王伟"),
        ("", "", "王伟", "王伟"),
        ("花子", "", "山田", "山田花子"),
        ("민수", "", "김", "김민수"),
        ("Wei", "", "Wang", "Wei Wang"),
        ("Wei 伟", "", "王", "Wei 伟 王"),
        ("Ingrid", "Marie", "Halvorsen", "Ingrid Marie Halvorsen"),
        ("", "", "", ""),
        # As DICOM writes them.
        ("", "", "Carver^Ruth^^Dr", "Dr Ruth Carver"),
        ("Carver^Ruth^Ann^Dr^MD", "", "", "Dr Ruth Ann Carver, MD"),
        ("", "", "Carver^", "Carver"),
        ("", "", "^^^^", ""),
        ("", "", "Wang^Wei=王^伟", "Wei Wang (王伟)"),
        ("", "", "Yamada^Tarou=山田^太郎=やまだ^たろう", "Tarou Yamada (山田太郎, やまだたろう)"),
        ("", "", "=王^伟", "王伟"),
        # Directions and other invisible characters.
        ("\u202eAnn\u202c", "", "Ze\u00adbr\u200bowska\ufeff", "Ann Zebrowska"),
        ("Ann\u2066\u2069\u200e\u200f", "", "Lee\U000e0041", "Ann Lee"),
        ("葛\U000e0100", "", "", "葛\U000e0100"),
    ],
)
def test_names_are_written_in_the_order_of_their_script(
    first: str, middle: str, last: str, written: str
) -> None:
    assert join_name(first=first, middle=middle, last=last) == written


@pytest.mark.parametrize(
    ("born", "text", "doubt"),
    [
        (date(1961, 3, 7), "", ""),
        (date(1880, 1, 1), "", ""),
        (date(2026, 12, 1), "", ""),
        (date(2026, 12, 2), "", "in the future"),
        (date(2200, 1, 1), "", "in the future"),
        (date(1879, 12, 31), "", "before 1880"),
        (date(2504, 3, 7), "", "perhaps of the Buddhist calendar, 1961"),
        # No date of our calendar: 2543 is no leap year.
        (None, "2543-02-29", "perhaps of the Buddhist calendar, 2000"),
        (None, "about 1961", ""),
        (None, "1961", ""),
        (None, "", ""),
    ],
)
def test_a_birth_date_that_cannot_be_is_doubted(born: date | None, text: str, doubt: str) -> None:
    assert doubt_birth(born, text, today=date(2026, 12, 1)) == doubt
