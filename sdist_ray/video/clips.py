"""Clips that are open in this process, each once for all copies that play it."""

from __future__ import annotations

import logging
import threading
import weakref

from sdist_ray.errors import InputError
from sdist_ray.video.clip import Clip
from sdist_ray.video.clip_files import Source, ending, load
from sdist_ray.video.threads import start

log = logging.getLogger(__name__)

_AT_ONCE = threading.BoundedSemaphore(2)


class Opening:
    """A clip that is being opened, in a thread.

    Attributes:
        done: whether it is; then either ``clip`` or ``problem`` is set.
    """

    def __init__(self, source: Source) -> None:
        self.done = False
        self.clip: Clip | None = None
        self.problem: str | None = None
        self._source = source
        start(self._open, f"opens {source.path.name}", ending.set)

    def _open(self) -> None:
        try:
            # Hundreds of files at once would only make each other slow.
            with _AT_ONCE:
                self.clip = load(self._source)
        except InputError as error:
            self.problem = str(error)
        except Exception as error:
            self.problem = f"{self._source.path}: cannot be played ({type(error).__name__})"
            log.debug("%s", self._source.path, exc_info=True)
        self.done = True


_openings: weakref.WeakValueDictionary[Source, Opening] = weakref.WeakValueDictionary()
_openings_lock = threading.Lock()


def open_clip(source: Source) -> Opening:
    """The clip, opened once for all who hold it; one that failed is tried again."""
    with _openings_lock:
        opening = _openings.get(source)
        if opening is None or (opening.done and opening.clip is None):
            opening = _openings[source] = Opening(source)
        return opening
