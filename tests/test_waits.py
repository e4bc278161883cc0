"""Waiting is one graph: a wait that would close a circle is refused at once, and names the way."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from told import meanwhile, only, told

from theater import Actor, ActorRef, Theater, handler
from theater.errors import ActorFailedError, AskCycleError, MailboxFullError
from theater.restart import Reason


class Node(Actor):
    """Asks, tells, stops, kills or spawns others, as it is told to."""

    others: dict[str, ActorRef[Any]] = {}  # noqa: RUF012  # given fresh to each instance
    heard: int = 0

    @handler
    async def know(self, others: dict[str, ActorRef[Any]]) -> None:
        self.others.update(others)

    @handler
    async def ping(self) -> str:
        self.heard += 1
        return "pong"

    @handler
    async def rest(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    @handler
    async def ask_along(self, way: list[str]) -> Any:
        """Ask the first on the way to ask the next; the last is pinged."""
        if not way:
            return "end"
        name, *rest = way
        return await self.others[name].ask(Node.ask_along, rest)

    @handler
    async def along(self, way: list[str], do: str, last: str) -> str:
        """Go along the way by asking; who stands at its end does something to the last."""
        if way:
            name, *rest = way
            return str(await self.others[name].ask(Node.along, rest, do, last))
        target = self.others[last]
        try:
            match do:
                case "ask":
                    await target.ask(Node.ping)
                case "tell":
                    await target.tell(Node.ping)
                case "stop":
                    await target.stop()
                case "kill":
                    await target.kill()
        except (AskCycleError, MailboxFullError) as error:
            return f"{type(error).__name__}: {error}"
        return "done"

    @handler
    async def ask_all(self, names: list[str]) -> list[Any]:
        answers: list[Any] = []

        async def ask(name: str) -> None:
            answers.append(await self.others[name].ask(Node.ping))

        async with anyio.create_task_group() as tasks:
            for name in names:
                tasks.start_soon(ask, name)
        return answers

    @handler
    async def raise_family(self, *, asks: bool) -> str:
        child = await self.context.spawn(Eager(above=self.context.ref, asks=asks), name="child")
        return child.name

    @handler
    async def have(self, child: str) -> ActorRef[Any]:
        ref = await self.context.spawn(Node(others={"above": self.context.ref}), name=child)
        self.others[child] = ref
        return ref


class Eager(Actor):
    """Asks its supervisor while that waits for its start."""

    above: ActorRef[Any]
    asks: bool

    async def on_start(self) -> None:
        if self.asks:
            await self.above.ask(Node.ping)


async def crew(theater: Theater, *names: str, mailbox: int = 1024) -> dict[str, ActorRef[Node]]:
    """Nodes of these names, each of which knows all others and itself."""
    nodes = {name: await theater.spawn(Node(), name=name, mailbox=mailbox) for name in names}
    for node in nodes.values():
        await node.ask(Node.know, dict(nodes))
    return nodes


async def fill(node: ActorRef[Node], *, seconds: float = 60) -> None:
    """Keep the node busy, and its mailbox of one place full."""
    await node.tell(Node.rest, seconds)
    await anyio.wait_all_tasks_blocked()
    await node.tell(Node.ping)


# -- ask -------------------------------------------------------------------------------------------------


async def test_an_actor_that_asks_itself_is_refused_at_once(theater: Theater) -> None:
    nodes = await crew(theater, "a")

    answer = await nodes["a"].ask(Node.along, [], "ask", "a")

    assert answer == "AskCycleError: waiting would close a circle: a → a"
    assert anyio.current_time() == 0


@pytest.mark.parametrize("way", [["b"], ["b", "c"], ["b", "c", "d", "e"]])
async def test_a_circle_of_asks_is_refused_at_once_and_names_the_way(
    theater: Theater, way: list[str]
) -> None:
    nodes = await crew(theater, "a", "b", "c", "d", "e")

    answer = await nodes["a"].ask(Node.along, way, "ask", "a")

    last = way[-1]
    assert answer == f"AskCycleError: waiting would close a circle: {' → '.join([last, 'a', *way])}"


async def test_the_error_holds_the_path_and_the_message(theater: Theater) -> None:
    errors: list[AskCycleError] = []

    class Narcissus(Actor):
        @handler
        async def look(self, into: str) -> None:
            try:
                await self.context.ref.ask(Narcissus.look, into)
            except AskCycleError as error:
                errors.append(error)

    narcissus = await theater.spawn(Narcissus(), name="narcissus")
    await narcissus.ask(Narcissus.look, "the pond")

    [error] = errors
    assert error.path == ("narcissus", "narcissus")
    message: Any = error.message
    assert (message.to, message.handler, message.args) == (narcissus, "look", ("the pond",))


async def test_a_refused_ask_never_reaches_the_other_actor(theater: Theater) -> None:
    nodes = await crew(theater, "a", "b")

    await nodes["a"].ask(Node.along, ["b"], "ask", "a")
    await theater.settled()

    assert not [
        event for event in told(theater, nodes["a"], "message/handled") if event.body.get("handler") == "ping"
    ]
    assert only(theater, nodes["b"], "message/refused").body["error"]["class"] == "AskCycleError"


async def test_an_uncaught_circle_fails_the_actor_that_closed_it_and_is_told_to_the_first(
    theater: Theater,
) -> None:
    nodes = await crew(theater, "a", "b")

    with pytest.raises(ActorFailedError, match=r"AskCycleError: waiting would close a circle: b → a → b$"):
        await nodes["a"].ask(Node.ask_along, ["b", "a"])


async def test_after_a_circle_was_refused_all_go_on(theater: Theater) -> None:
    nodes = await crew(theater, "a", "b")
    await nodes["a"].ask(Node.along, ["b"], "ask", "a")

    assert await nodes["a"].ask(Node.along, ["b"], "ask", "b") != "done"
    assert await nodes["b"].ask(Node.along, ["a"], "tell", "b") == "done"
    assert await nodes["a"].ask(Node.ask_along, ["b"]) == "end"


async def test_two_asks_of_one_actor_at_once_are_no_circle(theater: Theater) -> None:
    nodes = await crew(theater, "a", "b", "c")

    assert await nodes["a"].ask(Node.ask_all, ["b", "b", "c"]) == ["pong", "pong", "pong"]
    assert await nodes["b"].ask(Node.along, [], "ask", "a") == "done"


async def test_a_diamond_of_waits_is_no_circle(theater: Theater) -> None:
    nodes = await crew(theater, "a", "b", "c", "d")
    answers: list[str] = []

    async def along(name: str) -> None:
        answers.append(await nodes[name].ask(Node.along, ["d"], "ask", "a"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(along, "b")
        tasks.start_soon(along, "c")

    assert answers == ["done", "done"]


async def test_a_circle_through_a_message_that_only_waits_in_a_mailbox_is_refused(theater: Theater) -> None:
    nodes = await crew(theater, "a", "b", "c")
    answers: list[str] = []
    await nodes["b"].tell(Node.rest, 60)

    async def first() -> None:
        answers.append(await nodes["a"].ask(Node.along, [], "ask", "b"))  # b is busy: a waits

    async def second() -> None:
        answers.append(await nodes["b"].ask(Node.along, [], "ask", "a"))  # queued behind; b will ask a

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(second)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(first)

    assert answers == ["AskCycleError: waiting would close a circle: b → a → b", "done"]


async def test_one_that_was_answered_waits_no_longer_even_before_it_goes_on(theater: Theater) -> None:
    nodes = await crew(theater, "a", "b")
    answers: list[str] = []

    async def ask(name: str, last: str) -> None:
        answers.append(await nodes[name].ask(Node.along, [], "ask", last))

    await nodes["b"].tell(Node.rest, 1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, "a", "b")  # lies in b's mailbox
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(ask, "b", "a")  # behind it: b begins it as soon as it has answered a

    assert answers == ["done", "done"]


async def test_a_wait_that_was_given_up_is_no_longer_in_the_graph(theater: Theater) -> None:
    class Hasty(Actor):
        @handler
        async def ask(self, other: ActorRef[Node]) -> None:
            with anyio.move_on_after(1):
                await other.ask(Node.rest, 60)
            await anyio.sleep(10)

        @handler
        async def ping(self) -> str:
            return "pong"

    nodes = await crew(theater, "a")
    hasty = await theater.spawn(Hasty(), name="hasty")
    await nodes["a"].ask(Node.know, {"hasty": hasty})
    await hasty.tell(Hasty.ask, nodes["a"])

    await anyio.sleep(5)

    assert await nodes["a"].ask(Node.along, [], "ask", "hasty") == "done"


# -- tell for room ---------------------------------------------------------------------------------------


async def test_a_tell_that_finds_room_adds_no_wait(theater: Theater) -> None:
    nodes = await crew(theater, "a", "b")

    assert await nodes["a"].ask(Node.along, ["b"], "tell", "a") == "done"
    assert await nodes["a"].ask(Node.along, [], "tell", "a") == "done"


async def test_a_tell_that_would_wait_for_room_in_a_circle_is_refused_with_the_way(theater: Theater) -> None:
    nodes = await crew(theater, "a", "b", mailbox=1)
    answers: list[str] = []

    async def go() -> None:
        answers.append(await nodes["a"].ask(Node.along, ["b"], "tell", "a"))

    await nodes["b"].tell(Node.rest, 60)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(go)
        await anyio.wait_all_tasks_blocked()
        await nodes["a"].tell(Node.ping)  # a waits for b, and now its mailbox is full

    [answer] = answers
    assert answer.startswith("MailboxFullError: the mailbox of a is full")
    assert answer.endswith("would close a circle: b → a → b")


async def test_a_tell_to_oneself_when_ones_own_mailbox_is_full_is_refused(theater: Theater) -> None:
    refused: list[MailboxFullError] = []

    class Talker(Actor):
        heard: list[int] = []  # noqa: RUF012  # given fresh to each instance

        @handler
        async def talk(self) -> None:
            for number in range(5):
                try:
                    await self.context.ref.tell(Talker.hear, number)
                except MailboxFullError as error:
                    refused.append(error)

        @handler
        async def hear(self, number: int) -> None:
            self.heard.append(number)

        @handler
        async def read(self) -> list[int]:
            return self.heard

    talker = await theater.spawn(Talker(), name="talker", mailbox=3)
    await talker.ask(Talker.talk)

    assert await talker.ask(Talker.read) == [0, 1, 2]
    assert [error.message and error.message.args for error in refused] == [(3,), (4,)]
    assert str(refused[0]).endswith("talker → talker")


async def test_waiting_for_room_is_a_wait_that_others_see(theater: Theater) -> None:
    nodes = await crew(theater, "a", "b", mailbox=1)
    answers: dict[str, str] = {}

    async def do(name: str, what: str, last: str) -> None:
        answers[name] = await nodes[name].ask(Node.along, [], what, last)

    async with anyio.create_task_group() as tasks:
        await nodes["b"].tell(Node.rest, 60)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(do, "b", "ask", "a")  # lies in b's only place
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(do, "a", "tell", "b")  # a waits for room in b

    assert answers == {"a": "done", "b": "done"}  # the room came when b took its next message


async def test_two_actors_that_wait_for_room_with_each_other_are_not_left_waiting(theater: Theater) -> None:
    nodes = await crew(theater, "a", "b", mailbox=1)
    answers: dict[str, str] = {}

    class Both(Actor):
        @handler
        async def go(self, name: str) -> None:
            answers[name] = await nodes[name].ask(Node.along, [], "tell", "b" if name == "a" else "a")

    for node in nodes.values():
        await node.tell(Node.rest, 60)
    await anyio.wait_all_tasks_blocked()
    both = [await theater.spawn(Both()), await theater.spawn(Both())]
    for one, name in zip(both, nodes, strict=True):
        await one.tell(Both.go, name)
    await anyio.wait_all_tasks_blocked()
    async with (
        anyio.create_task_group() as tasks
    ):  # behind the questions, so that both mailboxes are full again
        for node in nodes.values():
            meanwhile(tasks, node.tell, Node.ping)
    await theater.settled()

    assert sorted(answer.partition(":")[0] for answer in answers.values()) == ["MailboxFullError", "done"]


# -- stop, kill and spawn --------------------------------------------------------------------------------


@pytest.mark.parametrize("do", ["stop", "kill"])
async def test_an_actor_that_waits_for_its_own_end_is_refused_at_once(theater: Theater, do: str) -> None:
    nodes = await crew(theater, "a")

    assert (
        await nodes["a"].ask(Node.along, [], do, "a") == "AskCycleError: waiting would close a circle: a → a"
    )
    assert await nodes["a"].ask(Node.ping) == "pong"


@pytest.mark.parametrize("do", ["stop", "kill"])
async def test_waiting_for_the_end_of_one_that_waits_for_me_is_refused_at_once(
    theater: Theater, do: str
) -> None:
    nodes = await crew(theater, "a", "b", "c")

    answer = await nodes["a"].ask(Node.along, ["b", "c"], do, "a")

    assert answer == "AskCycleError: waiting would close a circle: c → a → b → c"
    assert await nodes["a"].ask(Node.ping) == "pong"


@pytest.mark.parametrize("do", ["stop", "kill"])
async def test_a_child_that_waits_for_the_end_of_its_supervisor_is_refused_at_once(
    theater: Theater, do: str
) -> None:
    nodes = await crew(theater, "a")
    child = await nodes["a"].ask(Node.have, "child")

    answer = await child.ask(Node.along, [], do, "above")

    assert answer == "AskCycleError: waiting would close a circle: a/child → a → a/child"
    assert await nodes["a"].ask(Node.ping) == "pong"


@pytest.mark.parametrize("do", ["stop", "kill"])
async def test_waiting_for_the_end_of_another_is_no_circle(theater: Theater, do: str) -> None:
    nodes = await crew(theater, "a", "b")

    assert await nodes["a"].ask(Node.along, [], do, "b") == "done"
    assert await nodes["a"].ask(Node.along, [], do, "b") == "done"  # it has ended already


async def test_asking_one_that_waits_for_my_end_is_refused_at_once(theater: Theater) -> None:
    nodes = await crew(theater, "a", "b")
    answers: list[str] = []

    async def be_asked() -> None:
        answers.append(await nodes["b"].ask(Node.along, [], "ask", "a"))

    await nodes["b"].tell(Node.rest, 60)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(be_asked)
        await anyio.wait_all_tasks_blocked()
        meanwhile(tasks, nodes["a"].ask, Node.along, [], "stop", "b")  # b finishes what is queued

    assert answers == ["AskCycleError: waiting would close a circle: b → a → b"]


async def test_asking_the_supervisor_of_one_that_stops_with_it_is_refused_at_once(theater: Theater) -> None:
    nodes = await crew(theater, "a", "b")
    child = await nodes["b"].ask(Node.have, "child")
    await child.ask(Node.know, {"a": nodes["a"]})
    answers: list[str] = []

    async def be_asked() -> None:
        answers.append(await child.ask(Node.along, [], "ask", "a"))

    await child.tell(Node.rest, 1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(be_asked)
        await anyio.wait_all_tasks_blocked()
        meanwhile(tasks, nodes["a"].ask, Node.along, [], "stop", "b")  # waits for b, and b for its child

    assert answers == ["AskCycleError: waiting would close a circle: b/child → a → b → b/child"]


async def test_a_child_that_asks_its_supervisor_before_it_has_started_is_refused_at_once(
    theater: Theater,
) -> None:
    nodes = await crew(theater, "a")

    with pytest.raises(ActorFailedError, match=r"AskCycleError: .*: a/child → a → a/child$"):
        await nodes["a"].ask(Node.raise_family, asks=True)

    assert anyio.current_time() == 0
    assert await nodes["a"].ask(Node.raise_family, asks=False) == "a/child"


async def test_a_child_that_asks_its_supervisor_while_that_stops_it_is_refused_at_once(
    theater: Theater,
) -> None:
    answers: list[str] = []

    class Child(Actor):
        above: ActorRef[Any]

        async def on_stop(self, reason: Reason) -> None:
            try:
                await self.above.ask("ping")
            except AskCycleError as error:
                answers.append(f"{reason.value}: {error}")

    class Parent(Actor):
        async def on_start(self) -> None:
            await self.context.spawn(Child(above=self.context.ref), name="child")

        @handler
        async def ping(self) -> None: ...

        @handler
        async def fail(self) -> None:
            raise ValueError

    parent = await theater.spawn(Parent(), name="parent")
    with pytest.raises(ActorFailedError):
        await parent.ask(Parent.fail)  # a restart stops the children first

    await parent.ask(Parent.ping)
    assert answers == ["shutdown: waiting would close a circle: parent/child → parent → parent/child"]
    assert anyio.current_time() == 0


async def test_a_handler_that_waits_for_its_theater_to_settle_is_refused_at_once(theater: Theater) -> None:
    class Impatient(Actor):
        @handler
        async def wait(self) -> None:
            await theater.settled()

    impatient = await theater.spawn(Impatient())

    with pytest.raises(ActorFailedError, match="SetupError: a handler cannot wait"):
        await impatient.ask(Impatient.wait)


async def test_context_stop_only_asks_and_takes_effect_after_the_message(theater: Theater) -> None:
    class Leaver(Actor):
        @handler
        async def leave(self) -> str:
            self.context.stop()
            await anyio.sleep(1)
            return "bye"

    leaver = await theater.spawn(Leaver(), name="leaver")

    assert await leaver.ask(Leaver.leave) == "bye"
    await leaver.stop()
    assert only(theater, leaver, "actor/stopped").body == {"reason": "normal"}
