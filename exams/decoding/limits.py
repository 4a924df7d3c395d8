"""What the decoding process may use; a file that wants more ends it."""

import resource

MEMORY_BYTES = 1 << 30
CPU_SECONDS = 20
LARGEST_OUTPUT_BYTES = 32 << 20
OPEN_FILES = 64


def limit_process() -> None:
    """Limit this process for the rest of its life."""
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
