"""People whose number went over to somebody else unnoticed: by their looks.

Where two people walk side by side, and nobody sees one of them for a moment, what is followed may go on with
the other. Their looks tell, some seconds later: evidence that a segment still is who it was adds up, and is
forgotten as soon as it speaks for them again (the cumulative sum of Page, 1954). Once it speaks against them
clearly, the segment is cut where its looks began to differ: the two parts are held against everybody who was
lost then, as if nobody had seen them meanwhile (gaps).
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from sdist_ray.tracking.looks import Looks, of_length_one
from sdist_ray.tracking.segments import Segment

Floats = npt.NDArray[np.float64]
View = tuple[int, Floats]
"""A camera, and an embedding of length 1 of what it sees."""

MOST_DOUBT = 6.0
"""Nats against a segment's still being who it was, at which it is cut."""
LEAST_LOOKS = 2
"""Instants that it takes: one picture may show whoever stands in front."""
LAST_DOUBT, LOST_S = 3.0, 0.5
"""Nats at which a segment is cut that was lost so long ago: nothing more will be seen of it."""
FORGET_LOOK = 0.8
MOST_LOOKS = 64
"""Instants in doubt whose looks are kept: older ones would have faded to nothing."""
AGAIN_S = 2.0
"""Two looks at one person by one camera are as if at different times when they are so far apart."""


@dataclass
class Doubt:
    """Of one segment.

    Attributes:
        nats: evidence that it is who it was, since its looks agreed last; 0 or less.
        sure: the segment as it was then.
        since: looks of the last instants after; since_s: the first instant after.
    """

    nats: float = 0.0
    sure: Segment | None = None
    since: deque[list[View]] = field(default_factory=lambda: deque(maxlen=MOST_LOOKS))
    since_s: float = 0.0

    def look(self, time_s: float, segment: Segment, views: list[View], nats: float) -> bool:
        """Take an instant's looks; whether the segment is to be cut.

        Args:
            time_s: now.
            segment: as it is now; its looks are added to where they agree.
            views: of this instant.
            nats: that these are the segment's person's.
        """
        self.nats = min(0.0, self.nats + nats)
        self.since_s = self.since_s if self.since else time_s
        self.since.append(views)
        if self.nats < 0.0 and self.sure is not None:
            return self.nats <= -MOST_DOUBT and len(self.since) >= LEAST_LOOKS
        self.sure = replace(
            segment,
            recent=deque(segment.recent),
            seen_by=dict(segment.seen_by),
            seen_since=dict(segment.seen_since),
            tracks=dict(segment.tracks),
        )
        if self.nats == 0.0:
            for earlier in self.since:
                keep_looks(segment, earlier)
            self.since.clear()
        return False

    def cut(self, segment: Segment) -> None:
        """Take back where a segment went after its looks agreed last."""
        assert self.sure is not None, "somebody was looked at"
        for name in ("end_s", "sigma", "recent", "seen_by", "seen_since", "tracks"):
            setattr(segment, name, getattr(self.sure, name))


class Watch:
    """The looks of a network's people, what similarities are worth, and who is in doubt."""

    def __init__(self, lasting: Looks) -> None:
        """For a network.

        Args:
            lasting: what it is worth how alike two people look by all that was seen of them; learnt here.
        """
        self._lasting = lasting
        # The same of what is seen now against all that was seen before: that is less alike.
        self._now = Looks()
        self._doubts: dict[int, Doubt] = {}
        self._looked: dict[tuple[int, int], tuple[float, Floats]] = {}

    def look(
        self, time_s: float, segments: Mapping[int, Segment], now: Mapping[int, list[View]]
    ) -> list[tuple[Segment, Doubt]]:
        """Take an instant's looks; the segments that are to be cut.

        Args:
            time_s: now.
            segments: by number; their looks are moved on.
            now: what is seen of segments, by their numbers.
        """
        for number, views in now.items():
            self._learn_same(time_s, segments[number], views)
        # Of many people only neighbours in the list: pairs would be many, and tell the same.
        for one, two in itertools.pairwise(now):
            self._learn_different(segments[one].look, segments[two].look, together(now[two]))
        cut = []
        for number, views in now.items():
            segment, doubt = segments[number], self._doubts.setdefault(number, Doubt())
            if doubt.look(time_s, segment, views, self._now.evidence(segment.look, together(views))):
                cut.append((segment, doubt))
                del self._doubts[number]
        return cut

    def lost(self, time_s: float, segments: Mapping[int, Segment]) -> list[tuple[Segment, Doubt]]:
        """The segments that ended in doubt, which are to be cut."""
        cut = []
        for number, doubt in list(self._doubts.items()):
            segment = segments.get(number)
            if doubt.nats < 0 and (segment is None or segment.end_s < time_s - LOST_S):
                if segment is not None and doubt.nats <= -LAST_DOUBT:
                    cut.append((segment, doubt))
                del self._doubts[number]
        return cut

    def _learn_same(self, time_s: float, segment: Segment, views: list[View]) -> None:
        kept = {camera: of_length_one(look) for camera, look in segment.looks.items()}
        for here, look in views:
            mine = kept.get(here)
            for there, other in kept.items():
                if there != here and other is not None:
                    self._now.same_across.add(float(look @ other))
                    if mine is not None:
                        self._lasting.same_across.add(float(mine @ other))
            if mine is not None:
                self._now.same_again.add(float(look @ mine))
            key = (segment.number, here)
            before_s, before = self._looked.get(key, (-np.inf, None))
            if time_s - before_s >= AGAIN_S:
                if before is not None:
                    self._lasting.same_again.add(float(look @ before))
                self._looked[key] = (time_s, look)

    def _learn_different(self, one: Floats | None, other: Floats | None, others_now: Floats | None) -> None:
        if one is None:
            return
        if other is not None:
            self._lasting.different.add(float(one @ other))
        if others_now is not None:
            self._now.different.add(float(one @ others_now))

    def keep(self, segments: Collection[int]) -> None:
        """Forget all others than these."""
        self._doubts = {number: doubt for number, doubt in self._doubts.items() if number in segments}
        self._looked = {key: look for key, look in self._looked.items() if key[0] in segments}


def keep_looks(segment: Segment, views: list[View]) -> None:
    """Add an instant's looks to a segment's; older ones fade."""
    for camera, look in views:
        kept = segment.looks.get(camera)
        segment.looks[camera] = look if kept is None else kept * FORGET_LOOK + look


def together(views: list[View]) -> Floats | None:
    """One look of all cameras', of length 1."""
    return of_length_one(np.sum([look for _, look in views], axis=0))
