"""How transits are learnt."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TransitSpec:
    """Numbers of the search for transits.

    Attributes:
        longest_s: a transit takes no longer.
        gap_s: how long a neighbourhood must be empty before somebody enters, and after somebody leaves.
        party_s: events of one place within this time are one party's.
        zone: windows along a zone's sides.
        bin_s: width of the bins of transit times.
        smooth_s: deviation of what they are smoothed with.
        peak: least score, nats, of a stretch of lags for a route to be looked at; and of an edge, given all
            others.
        false_share: promised share of false edges.
        least: transits below which there is no edge.
        events: newest events of a kind that are kept for every camera.
        rounds: of expectation and maximisation.
        scan_cameras: whose exits are searched for new routes each time, in turn.
    """

    longest_s: float = 60.0
    gap_s: float = 1.0
    party_s: float = 2.0
    zone: int = 6
    bin_s: float = 0.5
    smooth_s: float = 0.75
    peak: float = 8.0
    false_share: float = 0.05
    least: float = 5.0
    events: int = 2000
    rounds: int = 25
    scan_cameras: int = 1_000_000
