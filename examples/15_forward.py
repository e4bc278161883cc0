"""Forward: a message is sent on to whoever knows, and the answer goes to whoever asked first.

Prints:

    at the desk: 2 questions, and nobody waits there
    It opens at nine.
    A ticket is 12.
    Ask somebody else about the cat.
"""

import anyio

from theater import Actor, ActorRef, Theater, handler


class Expert(Actor):
    answers: dict[str, str]

    @handler
    async def answer(self, about: str) -> str:
        await anyio.sleep(0.1)  # it takes its time
        return self.answers[about]


class Desk(Actor):
    experts: dict[str, ActorRef[Expert]]
    questions: int = 0

    @handler
    async def answer(self, about: str) -> str:
        self.questions += 1
        if about not in self.experts:
            return f"Ask somebody else about {about}."
        return await self.context.forward(
            self.experts[about]
        )  # the same question; does not wait for the answer

    @handler
    async def asked(self) -> int:
        return self.questions


async def main() -> None:
    async with Theater() as theater:
        clock = await theater.spawn(Expert(answers={"hours": "It opens at nine."}))
        till = await theater.spawn(Expert(answers={"prices": "A ticket is 12."}))
        desk = await theater.spawn(Desk(experts={"hours": clock, "prices": till}))

        async def visitor(about: str) -> None:
            print(await desk.ask(Desk.answer, about))

        async with anyio.create_task_group() as tasks:
            for about in ("hours", "prices"):
                tasks.start_soon(visitor, about)
            await anyio.sleep(0.02)
            print("at the desk:", await desk.ask(Desk.asked), "questions, and nobody waits there")
        await visitor("the cat")


anyio.run(main)
