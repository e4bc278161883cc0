"""The store: content is kept by its hash, found by labels, and kept once however often it is stored.

Prints:

    sha256:323ae5ac1a4805d368161e8408af7b200e802f24493bcdb4387cd572d51ff4e5
    roses are red, violets are blue
    None
    2 versions of the poem
    46 bytes in all
"""

import anyio

from theater import Actor, ContentRef, Theater, handler


class Notebook(Actor):
    @handler
    async def write(self, title: str, text: str) -> ContentRef:
        return await self.context.store.store_at_label(title, text.encode())

    @handler
    async def read(self, title: str) -> str | None:
        ref = await self.context.store.get_by_label(title)
        return None if ref is None else (await self.context.store.get(ref)).decode()

    @handler
    async def versions(self, title: str) -> int:
        return len(await self.context.store.labelled(title))

    @handler
    async def size(self) -> int:
        return await self.context.store.calculate_total_size()


async def main() -> None:
    async with Theater() as theater:
        notebook = await theater.spawn(Notebook())
        print(await notebook.ask(Notebook.write, "poem", "roses are red\n"))
        await notebook.ask(Notebook.write, "poem", "roses are red, violets are blue\n")
        await notebook.ask(Notebook.write, "copy", "roses are red\n")  # the same bytes: kept once

        print(await notebook.ask(Notebook.read, "poem"), end="")
        print(await notebook.ask(Notebook.read, "no such page"))
        print(await notebook.ask(Notebook.versions, "poem"), "versions of the poem")
        print(await notebook.ask(Notebook.size), "bytes in all")


anyio.run(main)
