"""Resume: close a theater, open its folder again, and the same actor goes on in the same chain.

Prints:

    actor/spawned, message/handled, message/handled
    closed, and opened again
    the same actor: True
    Monday, Tuesday, Wednesday
    actor/spawned, message/handled, message/handled, actor/resumed, message/handled, message/handled
    verified: True
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from theater import Actor, History, Theater, handler


class Diary(Actor):
    days: list[str] = []

    @handler
    async def write(self, day: str) -> None:
        self.days.append(day)

    @handler
    async def read(self) -> str:
        return ", ".join(self.days)


async def main(folder: Path) -> None:
    async with Theater(folder) as theater:
        diary = await theater.spawn(Diary(), name="diary", resume=True)  # not there yet: spawned
        for day in ("Monday", "Tuesday"):
            await diary.ask(Diary.write, day)
        first = diary.id
        print(*(event.kind for event in theater.chain("diary")), sep=", ")

    print("closed, and opened again")
    async with Theater(folder) as theater:
        diary = await theater.spawn(Diary(), name="diary", resume=True)  # asleep in the record: resumed
        print("the same actor:", diary.id == first)
        await diary.ask(Diary.write, "Wednesday")
        print(await diary.ask(Diary.read))

    history = History(folder)  # a folder is read without opening it
    print(*(event.kind for event in history.chain("diary")), sep=", ")
    print("verified:", history.verify().ok)


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        anyio.run(main, Path(folder) / "theater")
