"""Date formats with the month's name and a 24-hour clock, which cannot be misread."""

DATE_FORMAT = "d M Y"
DATETIME_FORMAT = "d M Y, H:i"
TIME_FORMAT = "H:i"
SHORT_DATE_FORMAT = DATE_FORMAT
SHORT_DATETIME_FORMAT = DATETIME_FORMAT
