"""A supervisor: it declares its children, and says who is started again with one that failed.

Prints:

    started: site/db site/cache site/web
    started again: site/cache site/web
    page 2
"""

import logging

import anyio

from theater import REST_FOR_ONE, Actor, Backoff, RestartLimit, Supervision, Theater, child, handler

logging.getLogger("theater").setLevel(logging.CRITICAL)  # the traceback of the failure goes here
STARTED: list[str] = []


class Part(Actor):
    pages: int = 0

    async def on_start(self) -> None:
        STARTED.append(self.context.name)

    @handler
    async def serve(self) -> str:
        self.pages += 1
        return f"page {self.pages}"

    @handler
    async def crash(self) -> None:
        raise RuntimeError("out of memory")


class Site(Actor):
    supervision = Supervision(
        strategy=REST_FOR_ONE,  # whoever was started after the one that failed may depend on it
        limit=RestartLimit(restarts=5, within=60),  # for all together; with one more the site itself fails
        children=(
            child(Part(), name="db"),
            child(Part(), name="cache", backoff=Backoff(first=0.01)),
            child(Part(), name="web", stop_within=1),
        ),
    )


async def main() -> None:
    async with Theater() as theater:
        await theater.spawn(Site(), name="site")
        web = theater.find("site/web")
        await web.ask(Part.serve)
        print("started:", *STARTED)
        await theater.find("site/cache").tell(Part.crash)
        await theater.settled()
        print("started again:", *STARTED[3:])
        print(await web.ask(Part.serve))  # the same ref, and the state after its last good message


anyio.run(main)
