"""Pages by limit and offset, with the edge cases of Django REST framework."""

from rest_framework.pagination import LimitOffsetPagination


class SubmissionPages(LimitOffsetPagination):
    """A hundred a page; a limit above a thousand is lowered silently."""

    default_limit = 100
    max_limit = 1000


class TokenPages(LimitOffsetPagination):
    """Ten thousand a page."""

    default_limit = 10_000
    max_limit = 10_000
