"""A manifest: a crew described in TOML, checked as a whole; run again, it goes on where it was.

Prints:

    actor[0].state: 'currency' is missing: Ledger has no default for it
    actor[0].state.currancy: Ledger has no such field; did you mean 'currency'?
    10 USD
    20 USD
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from theater import Actor, ActorRef, ManifestError, Theater, handler

CREW = """
theater.folder = "record"
[[actor]]
class = "__main__:Ledger"
state = { currency = "${CURRENCY:-EUR}" }

[[actor]]
class = "__main__:Till"
state = { ledger = "ledger" }
"""


class Ledger(Actor):
    currency: str
    total: int = 0

    @handler
    async def book(self, amount: int) -> str:
        self.total += amount
        return f"{self.total} {self.currency}"


class Till(Actor):
    ledger: ActorRef[Ledger]

    @handler
    async def sell(self, price: int) -> str:
        return await self.ledger.ask(Ledger.book, price)


async def run(path: Path) -> None:
    async with Theater.from_manifest(path, variables={"CURRENCY": "USD"}) as theater:
        print(await theater.find("till").ask(Till.sell, 10))


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        for text in (CREW.replace("currency", "currancy"), CREW, CREW):
            (path := Path(folder) / "crew.toml").write_text(text)
            try:
                anyio.run(run, path)
            except ManifestError as error:
                print(*(f"{problem.place}: {problem.text}" for problem in error.problems), sep="\n")
