"""Confidence: how often a label like this one turns out right, in percent.

The odds of a pixel's final label against its strongest rival, its neighbours' final labels
included; how many of the pixels around carry it; and how well its unit is told from the others
at all. A table that was learnt on simulated scenes turns the three into a share of pixels that
are right (`outcrop.confidence.calibration`, docs/decisions/0017-confidence.md).
"""

from __future__ import annotations

from outcrop.confidence.evidence import Evidence
from outcrop.confidence.rating import NO_DATA, UNLIKE, WORD_UNLIKE, Confidence
from outcrop.confidence.telling import confidence_notes, facts_of, source_of

__all__ = [
    "NO_DATA",
    "UNLIKE",
    "WORD_UNLIKE",
    "Confidence",
    "Evidence",
    "confidence_notes",
    "facts_of",
    "source_of",
]
