"""Who was asked for what it has, who owes an answer, and who is to be heard before ranges are closed."""

from __future__ import annotations

from collections.abc import Iterable


class Hearing:
    """Live workers are asked again and again; each owes one answer at most.

    Args:
        collect_s: between two askings of a worker.
        silent_s: a worker that owes an answer for so long is silent.
        all_s: how long everyone is waited for once everyone is to be heard.
    """

    def __init__(self, collect_s: float, silent_s: float, all_s: float) -> None:
        self._collect_s = collect_s
        self._silent_s = silent_s
        self._all_s = all_s
        self._owes_since_s: dict[int, float] = {}
        self._asked_s: dict[int, float] = {}
        # Their answer under way may not have all: they are asked once more.
        self._again: set[int] = set()
        self._unheard: set[int] = set()
        self._unheard_since_s = 0.0

    def ask(self, worker: int, now_s: float) -> None:
        """A worker is asked."""
        self._owes_since_s[worker] = self._asked_s[worker] = now_s

    def answered(self, worker: int) -> bool:
        """A worker answered; whether it is to be asked once more at once."""
        self._owes_since_s.pop(worker, None)
        if worker in self._again:
            self._again.discard(worker)
            return True
        self._unheard.discard(worker)
        return False

    def forget(self, worker: int) -> None:
        """A worker is gone."""
        self._owes_since_s.pop(worker, None)
        self._asked_s.pop(worker, None)
        self._again.discard(worker)
        self._unheard.discard(worker)

    def owes(self, worker: int) -> bool:
        """Whether a worker owes an answer."""
        return worker in self._owes_since_s

    def due(self, worker: int, now_s: float) -> bool:
        """Whether it is time to ask a worker."""
        return not self.owes(worker) and (now_s - self._asked_s.get(worker, float("-inf")) >= self._collect_s)

    def silent(self, worker: int, now_s: float) -> bool:
        """Whether a worker owes an answer for too long."""
        return self.owes(worker) and now_s - self._owes_since_s[worker] >= self._silent_s

    def slow(self, now_s: float) -> set[int]:
        """Workers that take longer than usual to answer."""
        return {w for w, since_s in self._owes_since_s.items() if now_s - since_s >= 4 * self._collect_s}

    def excuse(self, now_s: float) -> None:
        """Whoever asks was away, or the clock was set: nobody else is to blame for the time that passed."""
        self._owes_since_s = dict.fromkeys(self._owes_since_s, now_s)
        self._asked_s.clear()
        self._unheard_since_s = now_s

    def want_all(self, workers: Iterable[int], now_s: float) -> list[int]:
        """Everyone is to be heard, with all that is there by now; who is to be asked at once."""
        self._unheard = set(workers)
        self._unheard_since_s = now_s
        self._again = {worker for worker in self._unheard if self.owes(worker)}
        return sorted(self._unheard - self._again)

    def complete(self, now_s: float) -> bool:
        """Whether everyone who was to be heard was, or was waited for long enough."""
        if now_s - self._unheard_since_s >= self._all_s:
            self._unheard.clear()
        return not self._unheard

    def validate(self, workers: Iterable[int]) -> None:
        """Raise AssertionError when it contradicts itself, or knows others than these workers."""
        there = set(workers)
        assert self._owes_since_s.keys() <= there, "one that is gone owes an answer"
        assert self._asked_s.keys() <= there, "one that is gone is remembered"
        assert self._unheard <= there, "one that is gone is waited for"
        assert self._again <= self._owes_since_s.keys(), "one that owes nothing is to be asked once more"
