"""Names are written in the order of their script."""

import pytest

from exams.models.names import join_name


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
    ],
)
def test_names_are_written_in_the_order_of_their_script(
    first: str, middle: str, last: str, written: str
) -> None:
    assert join_name(first=first, middle=middle, last=last) == written
