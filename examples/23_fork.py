"""Fork: what would have come of it, from a moment in an actor's past on; and where the two part.

Prints:

    after event 4: {'text': 'Once upon a time there was'}
    the story: Once upon a time there was a king.
    what if: Once upon a time there was a spider.
    the fork names event 4 of its parent: True
    args[0]: ' a king.' or ' a spider.'
    verified: True
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from theater import Actor, History, Theater, handler


class Story(Actor):
    text: str = ""

    @handler
    async def tell(self, words: str) -> str:
        self.text += words
        await self.context.store.store_at_label("draft", self.text.encode())
        return self.text


async def main(folder: Path) -> None:
    async with Theater(folder) as theater:
        story = await theater.spawn(Story(), name="story")
        await story.ask(Story.tell, "Once upon a time there was")
        then = len(theater.chain(story)) - 1
        print(f"after event {then}: {theater.state_at(story, then)}")
        print("the story:", await story.ask(Story.tell, " a king."))

        what_if = await theater.fork(story, at=then, name="what-if")
        print("what if:", await what_if.ask(Story.tell, " a spider."))
        parent, seq, head = theater.chain(what_if)[0].body["fork"]
        is_named = (parent, head) == (story.id, theater.chain(story)[seq].hash)
        print(f"the fork names event {seq} of its parent: {is_named}")

    history = History(folder)
    parting = history.diff("story", "what-if")
    for change in parting.changes if parting else ():
        print(f"{change.path}: {change.left!r} or {change.right!r}")
    print("verified:", history.verify().ok)


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        anyio.run(main, Path(folder) / "theater")
