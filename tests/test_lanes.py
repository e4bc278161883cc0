"""Lanes: what shares places with what, and what is found where, once messages were put back in front."""

from __future__ import annotations

from theater import Actor, handler
from theater.lanes import Lanes
from theater.mailbox import Envelope
from theater.plan import plan_of


class Ward(Actor):
    @handler
    async def patient(self) -> None: ...

    @handler(priority=True)
    async def emergency(self) -> None: ...


def message(name: str) -> Envelope:
    return Envelope(plan_of(Ward).handlers[name], (), {})


PUT_BACK, ORDINARY, URGENT = message("patient"), message("patient"), message("emergency")


def lanes() -> Lanes:
    made = Lanes([ORDINARY, URGENT])
    made.extendleft([PUT_BACK])
    return made


def test_what_was_put_back_is_taken_first_then_what_is_urgent() -> None:
    some = lanes()

    assert [some.popleft() for _ in range(len(some))] == [PUT_BACK, URGENT, ORDINARY]


def test_what_was_put_back_takes_places_of_the_ordinary_lane_and_is_its_oldest() -> None:
    assert lanes().taken(message("patient")) == 2
    assert list(lanes().of(message("patient"))) == [PUT_BACK, ORDINARY]
    assert lanes().taken(message("emergency")) == 1
    assert list(lanes().of(message("emergency"))) == [URGENT]


def test_a_message_is_removed_from_whichever_lane_it_is_in() -> None:
    for one in (PUT_BACK, ORDINARY, URGENT):
        some = lanes()
        some.remove(one)

        assert one not in some
        assert len(some) == 2
