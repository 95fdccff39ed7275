"""Counting what people saw of an echo bot. Pure: it knows only what was sent and what was seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the texts that people sent to an echo bot.

    ``lost`` were never echoed; ``duplicated`` counts echoes beyond the first of a text;
    ``out_of_order`` counts texts echoed after a later text of the same person; ``strange`` counts
    texts from the bot that the person had not sent; ``read`` counts texts that the person sees
    as read.
    """

    sent: int
    echoed: int
    lost: int
    duplicated: int
    out_of_order: int
    strange: int
    read: int

    @property
    def is_perfect(self) -> bool:
        """Whether everything was echoed once, in order, and read."""
        faults = self.lost + self.duplicated + self.out_of_order + self.strange
        return faults == 0 and self.echoed == self.read == self.sent


def tally(
    sent: Mapping[str, Sequence[str]],
    seen: Mapping[str, Sequence[str]],
    read: Mapping[str, int],
) -> Tally:
    """Count, for each person by id: texts ``sent`` in order, texts ``seen`` from the bot in order.

    The texts of one person differ from each other. ``read`` is how many of the person's texts
    are read.
    """
    echoed = duplicated = out_of_order = strange = 0
    for person, texts in sent.items():
        places = {text: place for place, text in enumerate(texts)}
        met: set[int] = set()
        latest = -1
        for text in seen.get(person, ()):
            place = places.get(text)
            if place is None:
                strange += 1
            elif place in met:
                duplicated += 1
            else:
                met.add(place)
                out_of_order += place < latest
                latest = max(latest, place)
        echoed += len(met)
    total = sum(len(texts) for texts in sent.values())
    return Tally(
        sent=total,
        echoed=echoed,
        lost=total - echoed,
        duplicated=duplicated,
        out_of_order=out_of_order,
        strange=strange,
        read=sum(read.values()),
    )
