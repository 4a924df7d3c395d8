"""End this process when its interpreter is stuck, so that its supervisor starts another.

Code that holds the interpreter's lock stops every thread, also one that would notice it. So a thread sends a
beat each second to a process that runs `silence.py`, which ends this one after a silence. Python's own timer
(`faulthandler.dump_traceback_later`) goes by the clock: it would end a process that was only suspended.
"""

import faulthandler
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from django.conf import settings

logger = logging.getLogger(__name__)

BEAT_SECONDS = 1.0


def end_if_stuck() -> None:
    """Watch this process from now on, if `STUCK_SECONDS` is not 0."""
    if not settings.STUCK_SECONDS:
        return
    # Its handler needs no interpreter, and writes the functions and lines of all threads but no values.
    faulthandler.register(signal.SIGUSR2, all_threads=True)
    threading.Thread(target=_send_beats, name="beats", daemon=True).start()


def _send_beats() -> None:
    while True:
        try:
            _send_beats_to_a_listener()
        except OSError as error:
            # Somebody ended the listener, or it could not be started.
            logger.warning("Nothing would end this process if it were stuck: %s", type(error).__name__)
        time.sleep(BEAT_SECONDS)


def _send_beats_to_a_listener() -> None:
    program = Path(__file__).with_name("silence.py")
    arguments = ["-I", "-S", str(program), str(os.getpid()), str(settings.STUCK_SECONDS)]
    reading, writing = os.pipe()
    with open(writing, "wb", buffering=0) as beats, open(reading, "rb") as hears:
        os.set_blocking(writing, False)
        # It needs none of the environment's secrets.
        listener = subprocess.Popen([sys.executable, *arguments], stdin=hears, env={})  # noqa: S603
        hears.close()
        try:
            while True:
                # A full pipe means that the listener is suspended.
                beats.write(b".")
                time.sleep(BEAT_SECONDS)
        finally:
            beats.close()
            listener.wait()
