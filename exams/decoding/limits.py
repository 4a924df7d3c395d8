"""Limits of the decoding process; a file that exceeds one ends it."""

import resource

# Room for several copies of the largest picture that is decoded.
MEMORY_BYTES = 1 << 30
# Far more than a real file needs.
CPU_SECONDS = 20
# Far more than any rendition.
LARGEST_OUTPUT_BYTES = 32 << 20
# The decoders open only the file and their own libraries.
OPEN_FILES = 64


def limit_process() -> None:
    """Set the limits for this process and its forks."""
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, LARGEST_OUTPUT_BYTES),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, allowed))
