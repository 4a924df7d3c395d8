"""Pages by limit and offset, with the edges as Django REST framework has them."""

from rest_framework.pagination import LimitOffsetPagination


class SubmissionPages(LimitOffsetPagination):
    """A hundred a page; a larger limit than a thousand is lowered without a word."""

    default_limit = 100
    max_limit = 1000


class TokenPages(LimitOffsetPagination):
    """Ten thousand a page."""

    default_limit = 10_000
    max_limit = 10_000
