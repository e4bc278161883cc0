"""A counter: one number that any number of actors add to, one after the other.

```python
import anyio

from actors import Counter
from theater import ActorRef, Theater


async def count_to_a_hundred(counter: ActorRef[Counter]) -> None:
    for _ in range(100):
        await counter.tell(Counter.add)


async def main() -> None:
    async with Theater() as theater:
        counter = await theater.spawn(Counter(), name="visits")
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(count_to_a_hundred, counter)
        print(await counter.ask(Counter.value))
        print(await counter.ask(Counter.reset), await counter.ask(Counter.value))


anyio.run(main)
```

It prints

```text
300
300 0
```
"""

from __future__ import annotations

from theater import Actor, handler


class Counter(Actor):
    """Adds up."""

    total: int = 0

    @handler
    async def add(self, amount: int = 1) -> int:
        """Add `amount`, which may be below 0; returns the new total."""
        self.total += amount
        return self.total

    @handler
    async def value(self) -> int:
        """The total."""
        return self.total

    @handler
    async def reset(self) -> int:
        """Begin again at 0; returns the total until now."""
        total, self.total = self.total, 0
        return total
