"""A moment that reads differently in New York, and a day that it must not move."""

from datetime import UTC, date, datetime

WHEN = datetime(1970, 3, 4, 15, 2, 7, tzinfo=UTC)
WRITTEN = (
    '<time datetime="1970-03-04T15:02:07+00:00" title="04 Mar 1970, 15:02:07 UTC">04 Mar 1970, 10:02</time>'
)
DAY = date(1931, 5, 6)
