"""The cache in the database counts exactly, for all processes of the portal together."""

import random
from typing import Any

import pytest
from django.core.cache import cache

from portal.models import CacheRow
from tests.exams.rows import ago, in_parallel

pytestmark = pytest.mark.django_db


def let_time_pass() -> None:
    """Let everything that has an end expire."""
    CacheRow.objects.filter(expires_at__isnull=False).update(expires_at=ago(seconds=1))


@pytest.mark.parametrize("value", [0, "text", None, [1.5, 2.5], {"a": [True]}])
def test_a_value_is_kept_until_it_expires(value: Any) -> None:
    cache.set("key", "former", 60)
    cache.set("key", value, 60)
    assert cache.get("key", "nothing") == value
    let_time_pass()
    assert cache.get("key", "nothing") == "nothing"
    assert not cache.touch("key")


def test_a_value_without_an_end_stays_until_it_is_deleted() -> None:
    cache.set("key", 1, None)
    let_time_pass()
    assert cache.get("key") == 1
    assert (cache.delete("key"), cache.delete("key"), cache.get("key")) == (True, False, None)


def test_a_value_that_is_touched_is_kept_longer() -> None:
    cache.set("key", 1, 60)
    assert cache.touch("key", None)
    let_time_pass()
    assert cache.get("key") == 1


def test_a_value_is_not_added_again_before_it_expires() -> None:
    assert cache.add("key", 1, 60)
    assert not cache.add("key", 2, 60)
    assert cache.get("key") == 1
    let_time_pass()
    assert cache.add("key", 3, 60)
    assert cache.get("key") == 3


def test_a_missing_number_cannot_be_incremented() -> None:
    with pytest.raises(ValueError, match="no such number"):
        cache.incr("key")
    cache.set("key", 5, 60)
    assert (cache.incr("key"), cache.decr("key", 2)) == (6, 4)
    let_time_pass()
    with pytest.raises(ValueError, match="no such number"):
        cache.incr("key")


@pytest.mark.django_db(transaction=True)
def test_no_parallel_increment_is_lost() -> None:
    def use() -> int:
        cache.add("uses", 0, 60)
        return int(cache.incr("uses"))

    assert sorted(in_parallel(8, lambda: [use() for _ in range(5)][-1]))[-1] == 40
    assert cache.get("uses") == 40


@pytest.mark.django_db(transaction=True)
def test_of_parallel_additions_exactly_one_succeeds() -> None:
    for _ in range(5):
        assert sorted(in_parallel(4, lambda: cache.add("lock", True, 60))) == [False, False, False, True]
        let_time_pass()


def test_no_row_contains_the_address_it_counts_for() -> None:
    cache.set("limit:arrive:ip-192.0.2.17", 1, 60)
    (row,) = CacheRow.objects.all()
    assert "192.0.2.17" not in f"{row.key} {row.value} {row}"


def test_only_expired_values_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    cache.set("old", 1, 60)
    let_time_pass()
    cache.set("eternal", 1, None)
    monkeypatch.setattr(random, "randrange", lambda stop: 0)
    cache.set("new", 1, 60)
    assert not CacheRow.objects.filter(expires_at__lt=ago()).exists()
    assert {cache.get("eternal"), cache.get("new")} == {1}
    cache.clear()
    assert not CacheRow.objects.exists()
