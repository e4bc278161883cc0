"""Limits: an actor does what it was granted and nothing else, and each refusal is on record."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
import pytest
from told import kinds, only, told

from theater import (
    ALL,
    INITIAL,
    NONE,
    Actor,
    ActorFailedError,
    ActorNotFoundError,
    ActorRef,
    Grants,
    NotAllowedError,
    Reason,
    Theater,
    handler,
)

HERE = __name__
DONE: list[str] = []


@pytest.fixture(autouse=True)
def done() -> list[str]:
    """What effects did, in this test alone."""
    DONE.clear()
    return DONE


async def fetch(url: str, retries: int = 0) -> str:
    DONE.append(url)
    return f"{url} {retries}"


def send(text: str) -> str:
    DONE.append(text)
    return text


class Mute(Actor):
    """Takes anything, does nothing."""

    heard: int = 0

    @handler
    async def hear(self, what: str = "") -> int:  # noqa: ARG002  # it only counts
        self.heard += 1
        return self.heard


class Player(Actor):
    """Tries what its test asks it to try; a refusal is an answer."""

    refused: str = ""
    other: ActorRef[Mute] | None = None

    @handler(raises=(NotAllowedError, ActorNotFoundError))
    async def find(self, name: str) -> ActorRef[Any]:
        return self.context.find(name)

    @handler(raises=(NotAllowedError,))
    async def fetch(self, url: str) -> str:
        return await self.context.effect(fetch, url)

    @handler(raises=(NotAllowedError,))
    async def fetch_partly(self, url: str) -> str:
        return await self.context.effect(partial(partial(fetch, retries=3), url))

    @handler(raises=(NotAllowedError,))
    async def send(self, text: str) -> str:
        return await self.context.effect(send, text)

    @handler(raises=(NotAllowedError,))
    async def hire(self, name: str, grants: dict[str, Any] | None, mailbox: int = 1024) -> ActorRef[Any]:
        asked = None if grants is None else Grants.from_plain(grants)
        return await self.context.spawn(Player(), name=name, grants=asked, mailbox=mailbox)

    @handler(raises=(NotAllowedError,))
    async def hire_mute(self) -> ActorRef[Any]:
        return await self.context.spawn(Mute(), name="mute")

    @handler(raises=(NotAllowedError,))
    async def send_many(self, to: ActorRef[Any], count: int) -> None:
        for _ in range(count):
            to.tell_nowait("hear")

    @handler(raises=(NotAllowedError,))
    async def call(self, to: ActorRef[Any], method: str) -> None:
        await getattr(to, method)()

    @handler(raises=(NotAllowedError,))
    async def look_at(self, to: ActorRef[Any]) -> None:
        self.context.watch(to, Player.gone)

    @handler(raises=(NotAllowedError,))
    async def bind(self, to: ActorRef[Any]) -> None:
        self.context.link(to)

    @handler
    async def gone(self, ref: ActorRef[Any], reason: Reason) -> None:  # noqa: ARG002  # of whom, no matter
        self.refused = reason.value

    @handler(raises=(NotAllowedError,))
    async def in_a_task(self, url: str) -> str:
        answers: list[str] = []

        async def run() -> None:
            answers.append(await self.context.effect(fetch, url))

        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run)
        except* NotAllowedError as group:
            raise group.exceptions[0] from None
        return answers[0]

    @handler
    async def later(self, seconds: float) -> None:
        self.context.after(seconds, Player.try_it)

    @handler
    async def try_it(self) -> None:
        try:
            await self.context.effect(fetch, "later")
        except NotAllowedError as error:
            self.refused = error.asked

    @handler
    async def what_was_refused(self) -> str:
        return self.refused

    @handler
    async def mine(self) -> str:
        return repr(self.context.grants)

    @handler
    async def fail(self) -> None:
        raise RuntimeError("on purpose")


def refusals(theater: Theater, actor: ActorRef[Any]) -> list[tuple[str, Any]]:
    """What was refused to this actor: by which request, and its arguments."""
    return [(event.body["handler"], event.body["args"]) for event in told(theater, actor, "message/refused")]


def options(theater: Theater, actor: ActorRef[Any]) -> Any:
    return next(iter(theater.chain(actor))).body["options"]


# -- who has no limits, and who has nothing -----------------------------------------------------------------


async def test_an_actor_of_which_nothing_is_said_may_do_everything(theater: Theater) -> None:
    player = await theater.spawn(Player())
    child = await player.ask(Player.hire, "child", None)

    assert await child.ask(Player.fetch, "url") == "url 0"
    assert await child.ask(Player.mine) == repr(Grants.all())
    assert "grants" not in options(theater, child)


@pytest.mark.parametrize(
    ("attempt", "refused"),
    [
        (lambda player, _: player.ask(Player.fetch, "url"), ("@effect", [f"{HERE}:fetch"])),
        (lambda player, _: player.ask(Player.find, "mute"), ("@find", ["mute"])),
        (lambda player, _: player.ask(Player.find, "nobody"), ("@find", ["nobody"])),
        (lambda player, _: player.ask(Player.hire_mute), ("@spawn", [f"{HERE}:Mute"])),
        (lambda player, mute: player.ask(Player.send_many, mute, 1), ("hear", [])),
        (lambda player, mute: player.ask(Player.call, mute, "stop"), ("@stop", [])),
        (lambda player, mute: player.ask(Player.call, mute, "kill"), ("@kill", [])),
        (lambda player, mute: player.ask(Player.look_at, mute), ("@watch", [])),
        (lambda player, mute: player.ask(Player.bind, mute), ("@link", [])),
    ],
    ids=["effect", "find", "find nobody", "spawn", "tell", "stop", "kill", "watch", "link"],
)
async def test_an_actor_that_was_granted_nothing_is_refused_on_record(
    theater: Theater, attempt: Callable[..., Any], refused: tuple[str, Any]
) -> None:
    mute = await theater.spawn(Mute(), name="mute")
    player = await theater.spawn(Player(), grants=Grants.none())

    with pytest.raises(NotAllowedError):
        await attempt(player, mute)

    assert refusals(theater, player) == [refused]
    assert only(theater, player, "message/refused").body["error"]["class"] == "NotAllowedError"
    assert not DONE
    assert await mute.ask(Mute.hear) == 1


async def test_a_refusal_names_what_was_asked_and_what_is_granted(theater: Theater) -> None:
    player = await theater.spawn(Player(), name="player", grants=Grants(effects=f"{HERE}:send"))

    with pytest.raises(NotAllowedError, match=f"player was not granted effect of {HERE}:fetch") as caught:
        await player.ask(Player.fetch, "url")

    assert (caught.value.asked, caught.value.granted) == (f"{HERE}:fetch", f"{HERE}:send")


async def test_a_refusal_that_is_not_caught_is_a_failure_like_any_other(theater: Theater) -> None:
    class Careless(Actor):
        @handler
        async def go(self) -> None:
            await self.context.effect(fetch, "url")

    careless = await theater.spawn(Careless(), grants=Grants.none())

    with pytest.raises(ActorFailedError, match="NotAllowedError"):
        await careless.ask(Careless.go)


async def test_a_refusal_is_recorded_where_messages_are_not() -> None:
    async with Theater(record_messages=False) as theater:
        player = await theater.spawn(Player(), grants=Grants.none())

        with pytest.raises(NotAllowedError):
            await player.ask(Player.fetch, "url")

        assert kinds(theater, player) == ["message/refused"]


# -- each grant ---------------------------------------------------------------------------------------------


async def test_effects_are_granted_by_name(theater: Theater) -> None:
    player = await theater.spawn(Player(), grants=Grants(effects=f"{HERE}:fe*"))

    assert await player.ask(Player.fetch, "url") == "url 0"
    with pytest.raises(NotAllowedError):
        await player.ask(Player.send, "text")
    assert DONE == ["url"]


async def test_a_partial_effect_has_the_name_of_its_function(theater: Theater) -> None:
    granted = await theater.spawn(Player(), grants=Grants(effects=f"{HERE}:fetch"))
    limited = await theater.spawn(Player(), grants=Grants(effects=["functools:*", "builtins:*"]))

    assert await granted.ask(Player.fetch_partly, "url") == "url 3"
    with pytest.raises(NotAllowedError):
        await limited.ask(Player.fetch_partly, "url")


async def test_names_are_found_where_they_are_granted(theater: Theater) -> None:
    mute = await theater.spawn(Mute(), name="mute")
    await theater.spawn(Mute(), name="mute2")
    player = await theater.spawn(Player(), grants=Grants(find="mute"))

    assert await player.ask(Player.find, "mute") == mute
    with pytest.raises(NotAllowedError):
        await player.ask(Player.find, "mute2")


async def test_of_a_long_name_the_record_holds_the_beginning(theater: Theater) -> None:
    player = await theater.spawn(Player(), grants=Grants())

    with pytest.raises(NotAllowedError):
        await player.ask(Player.find, "n" * 100_000)

    body = only(theater, player, "message/refused").body
    assert body["args"] == ["n" * 1_000]
    assert len(body["error"]["text"]) == 1_000


async def test_finding_is_on_record_with_its_answer(theater: Theater) -> None:
    mute = await theater.spawn(Mute(), name="mute")
    player = await theater.spawn(Player())

    assert await player.ask(Player.find, "mute") == mute
    with pytest.raises(ActorNotFoundError):
        await player.ask(Player.find, "nobody")

    found = only(theater, player, "message/sent").body
    missed = only(theater, player, "message/refused").body
    assert found == {"to": mute.id, "ask": False, "args": ["mute"], "handler": "@find"}
    assert (missed["to"], missed["args"], missed["error"]["class"]) == (
        player.id,
        ["nobody"],
        "ActorNotFoundError",
    )


async def test_only_text_is_looked_up(theater: Theater) -> None:
    class Odd(Actor):
        @handler(raises=(TypeError, ActorNotFoundError))
        async def find(self, *, broken: bool) -> None:
            self.context.find("\ud800" if broken else 7)  # type: ignore[arg-type]  # on purpose

    odd = await theater.spawn(Odd())

    with pytest.raises(TypeError, match="a name is text, not int"):
        await odd.ask(Odd.find, broken=False)
    with pytest.raises(ActorNotFoundError):
        await odd.ask(Odd.find, broken=True)


async def test_classes_are_spawned_where_they_are_granted(theater: Theater) -> None:
    player = await theater.spawn(Player(), grants=Grants(spawn=f"{HERE}:M*", mailbox=ALL))

    assert (await player.ask(Player.hire_mute)).name.endswith("/mute")
    with pytest.raises(NotAllowedError):
        await player.ask(Player.hire, "child", None)


async def test_a_child_gets_no_larger_mailbox_than_was_granted(theater: Theater) -> None:
    player = await theater.spawn(Player(), grants=Grants(spawn=ALL, mailbox=10))

    await player.ask(Player.hire, "small", None, 10)
    with pytest.raises(NotAllowedError, match="a mailbox of 11 messages; granted: 10"):
        await player.ask(Player.hire, "large", None, 11)

    assert only(theater, player, "message/refused").body["kwargs"] == {"mailbox": 11}


async def test_others_are_stopped_and_watched_where_it_is_granted(theater: Theater) -> None:
    one = await theater.spawn(Mute(), name="one")
    two = await theater.spawn(Mute(), name="two")
    player = await theater.spawn(Player(), grants=Grants(stop="one", watch="one"))

    await player.ask(Player.look_at, one)
    await player.ask(Player.call, one, "stop")
    with pytest.raises(NotAllowedError):
        await player.ask(Player.call, two, "kill")
    with pytest.raises(NotAllowedError):
        await player.ask(Player.look_at, two)

    assert [event.body["to"] for event in told(theater, player, "message/refused")] == [two.id, two.id]
    assert await player.ask(Player.what_was_refused) == "normal"


async def test_those_below_may_be_stopped_and_watched_without_a_grant(theater: Theater) -> None:
    player = await theater.spawn(Player(), grants=Grants(spawn=ALL, mailbox=ALL))
    child = await player.ask(Player.hire, "child", None)
    grandchild = await child.ask(Player.hire, "grandchild", None)

    await player.ask(Player.look_at, grandchild)
    await child.ask(Player.bind, grandchild)
    await player.ask(Player.call, grandchild, "kill")
    await player.ask(Player.call, child, "stop")

    with pytest.raises(ActorNotFoundError):
        theater.find(child.name)
    assert not refusals(theater, player)


async def test_those_above_and_beside_are_not_below(theater: Theater) -> None:
    player = await theater.spawn(Player(), name="player", grants=Grants(spawn=ALL, mailbox=ALL))
    one = await player.ask(Player.hire, "one", None)
    two = await player.ask(Player.hire, "two", None)

    for above_or_beside in (player, two):
        with pytest.raises(NotAllowedError):
            await one.ask(Player.look_at, above_or_beside)


async def test_an_actor_without_grants_still_answers_logs_sets_timers_and_stops(theater: Theater) -> None:
    class Quiet(Actor):
        fired: int = 0

        @handler
        async def begin(self) -> str:
            self.context.log("beginning")
            self.context.after(1, Quiet.fire)
            return self.context.name

        @handler
        async def fire(self) -> None:
            self.fired += 1
            self.context.stop()

    quiet = await theater.spawn(Quiet(), name="quiet", grants=Grants.none())

    assert await quiet.ask(Quiet.begin) == "quiet"
    await anyio.sleep(2)

    assert kinds(theater, quiet)[-1] == "actor/stopped"


# -- messages per second ------------------------------------------------------------------------------------


async def test_messages_over_what_is_granted_per_second_are_refused(theater: Theater) -> None:
    mute = await theater.spawn(Mute())
    player = await theater.spawn(Player(), grants=Grants(messages_per_second=10))

    with pytest.raises(NotAllowedError, match=r"may send 10 messages per second; the next may go in 0.1 s"):
        await player.ask(Player.send_many, mute, 11)

    assert await mute.ask(Mute.hear) == 11


async def test_time_brings_more_messages(theater: Theater) -> None:
    mute = await theater.spawn(Mute())
    player = await theater.spawn(Player(), grants=Grants(messages_per_second=2))

    for _ in range(5):
        await player.ask(Player.send_many, mute, 2)
        await anyio.sleep(1)
    with pytest.raises(NotAllowedError):
        await player.ask(Player.send_many, mute, 3)

    assert await mute.ask(Mute.hear) == 13


@pytest.mark.parametrize("rate", [ALL, 1e9])
async def test_a_grant_that_is_large_enough_is_never_felt(theater: Theater, rate: Any) -> None:
    mute = await theater.spawn(Mute(), mailbox=3_000)
    player = await theater.spawn(Player(), grants=Grants(messages_per_second=rate))

    await player.ask(Player.send_many, mute, 2_000)

    assert await mute.ask(Mute.hear) == 2_001


async def test_a_refused_message_is_handed_back_and_on_record(theater: Theater) -> None:
    class Sender(Actor):
        @handler
        async def go(self, to: ActorRef[Mute]) -> str:
            try:
                await to.ask(Mute.hear, "psst")
            except NotAllowedError as error:
                return "nothing" if error.message is None else f"{error.message.handler} {error.message.args}"
            return "sent"

    mute = await theater.spawn(Mute())
    sender = await theater.spawn(Sender(), grants=Grants.none())

    assert await sender.ask(Sender.go, mute) == "hear ('psst',)"
    body = only(theater, sender, "message/refused").body
    assert (body["to"], body["handler"], body["args"], body["ask"]) == (mute.id, "hear", ["psst"], True)


async def test_a_restart_fills_no_bucket(theater: Theater) -> None:
    mute = await theater.spawn(Mute())
    player = await theater.spawn(Player(), grants=Grants(messages_per_second=0.001))
    await player.ask(Player.send_many, mute, 1)

    with pytest.raises(ActorFailedError):
        await player.ask(Player.fail)

    with pytest.raises(NotAllowedError):
        await player.ask(Player.send_many, mute, 1)


# -- attempts to widen --------------------------------------------------------------------------------------

WIDE = Grants.all().to_plain()


@pytest.mark.parametrize("grants", [WIDE, None], ids=["all", "inherited"])
async def test_a_child_has_no_more_than_its_supervisor_whatever_it_is_given(
    theater: Theater, grants: Any
) -> None:
    narrow = Grants(spawn=ALL, mailbox=ALL, effects=f"{HERE}:fetch")
    player = await theater.spawn(Player(), grants=narrow)
    child = await player.ask(Player.hire, "child", grants)
    grandchild = await child.ask(Player.hire, "grandchild", grants)

    for below in (child, grandchild):
        assert options(theater, below)["grants"] == narrow.to_plain()
        assert await below.ask(Player.fetch, "url") == "url 0"
        with pytest.raises(NotAllowedError):
            await below.ask(Player.send, "text")


async def test_a_child_has_less_than_its_supervisor_where_that_is_said(theater: Theater) -> None:
    player = await theater.spawn(Player())
    child = await player.ask(Player.hire, "child", Grants(effects="*:fetch", spawn=ALL).to_plain())
    narrow = Grants(effects=f"{HERE}:*", spawn=NONE).to_plain()

    assert await child.ask(Player.mine) == repr(Grants(effects="*:fetch", spawn=ALL))
    with pytest.raises(NotAllowedError, match="mailbox"):
        await child.ask(Player.hire, "grandchild", narrow)


async def test_a_restarted_actor_has_the_grants_it_was_spawned_with(theater: Theater) -> None:
    for state in (INITIAL, None):
        kept: dict[str, Any] = {} if state is None else {"state": state}
        player = await theater.spawn(Player(), grants=Grants.none(), **kept)

        with pytest.raises(ActorFailedError):
            await player.ask(Player.fail)

        with pytest.raises(NotAllowedError):
            await player.ask(Player.fetch, "url")


async def test_a_task_of_a_handler_has_the_grants_of_its_actor(theater: Theater) -> None:
    player = await theater.spawn(Player(), grants=Grants.none())

    with pytest.raises(NotAllowedError):
        await player.ask(Player.in_a_task, "url")

    assert not DONE


async def test_what_a_timer_starts_has_the_grants_of_its_actor(theater: Theater) -> None:
    player = await theater.spawn(Player(), grants=Grants.none())
    await player.tell(Player.later, 1)

    await anyio.sleep(2)

    assert await player.ask(Player.what_was_refused) == f"{HERE}:fetch"
    assert not DONE


async def test_hooks_have_the_grants_of_their_actor(theater: Theater) -> None:
    tried: list[str] = []

    class Eager(Actor):
        async def on_start(self) -> None:
            await self._try("on_start")

        async def on_stop(self, reason: Reason) -> None:  # noqa: ARG002  # whatever it is
            await self._try("on_stop")

        async def _try(self, where: str) -> None:
            with pytest.raises(NotAllowedError):
                await self.context.effect(fetch, where)
            tried.append(where)

    eager = await theater.spawn(Eager(), grants=Grants.none())
    await eager.stop()

    assert tried == ["on_start", "on_stop"]
    assert refusals(theater, eager) == [("@effect", [f"{HERE}:fetch"])] * 2


async def test_an_actor_that_holds_its_theater_can_do_no_more_by_it(theater: Theater) -> None:
    class Sly(Actor):
        @handler(raises=(NotAllowedError,))
        async def find(self) -> str:
            return theater.find("mute").name

        @handler(raises=(NotAllowedError,))
        async def spawn(self, name: str) -> ActorRef[Any]:
            return await theater.spawn(Player(), name=name, grants=Grants.all())

    await theater.spawn(Mute(), name="mute")
    nobody = await theater.spawn(Sly(), grants=Grants.none())
    spawner = await theater.spawn(Sly(), grants=Grants(spawn=ALL, mailbox=ALL))

    with pytest.raises(NotAllowedError):
        await nobody.ask(Sly.find)
    with pytest.raises(NotAllowedError):
        await nobody.ask(Sly.spawn, "player")
    player = await spawner.ask(Sly.spawn, "player")

    with pytest.raises(NotAllowedError):
        await player.ask(Player.fetch, "url")
    assert refusals(theater, nobody) == [("@find", ["mute"]), ("@spawn", [f"{HERE}:Player"])]


async def test_an_effect_that_calls_back_is_still_its_actor(theater: Theater) -> None:
    mute = await theater.spawn(Mute())

    def call_back() -> None:
        anyio.from_thread.run(mute.tell, Mute.hear)

    class Caller(Actor):
        @handler
        async def go(self) -> str:
            with pytest.raises(Exception, match="may send 0 messages") as caught:
                await self.context.effect(call_back)
            return type(caught.value).__name__

    caller = await theater.spawn(Caller(), grants=Grants(effects=ALL))

    assert await caller.ask(Caller.go) == "EffectFailedError"
    assert await mute.ask(Mute.hear) == 1
