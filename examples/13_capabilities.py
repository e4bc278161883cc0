"""Capabilities: what an actor may do is granted when it is spawned, and it can hand on no more than it has.

Prints:

    the weather in Rome: sunny
    refused: mail
    refused: hire
    message/refused @effect
    message/refused @spawn
"""

import anyio

from theater import Actor, Grants, NotAllowedError, Theater, handler


async def look_up(city: str) -> str:
    return f"the weather in {city}: sunny"


async def send_mail(to: str) -> str:
    return f"a mail to {to}"


class Assistant(Actor):
    """An agent that may be talked into anything, so it is given little."""

    @handler(raises=(NotAllowedError,))
    async def ask(self, city: str) -> str:
        return await self.context.effect(look_up, city)

    @handler(raises=(NotAllowedError,))
    async def mail(self, to: str) -> str:
        return await self.context.effect(send_mail, to)

    @handler(raises=(NotAllowedError,))
    async def hire(self, name: str) -> str:
        helper = await self.context.spawn(
            Assistant(), name=name, grants=Grants.all()
        )  # all that it has itself
        return helper.name


async def main() -> None:
    grants = Grants(effects="*:look_up", messages_per_second=10)  # what is left out is not granted
    async with Theater() as theater:
        assistant = await theater.spawn(Assistant(), name="assistant", grants=grants)
        print(await assistant.ask(Assistant.ask, "Rome"))
        for wish in (Assistant.mail, Assistant.hire):
            try:
                print(await assistant.ask(wish, "Mallory"))
            except NotAllowedError:
                print("refused:", wish.__name__)

        for event in theater.chain(assistant):
            if event.kind == "message/refused":
                print(event.kind, event.body["handler"])


anyio.run(main)
