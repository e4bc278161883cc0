"""Prove that this happened: a text that a stranger verifies with nothing but a public key.

Prints:

    verified: message/handled ['invoice 7', 120] invoice 7 approved, 120 spent
    refused: ProofError
    refused: SignatureError
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from theater import Actor, EventProof, ForgedError, History, SigningKey, Theater, VerifyKey, handler


class Office(Actor):
    spent: int = 0

    @handler
    async def approve(self, invoice: str, amount: int) -> str:
        self.spent += amount
        return f"{invoice} approved, {self.spent} spent"


def stranger(proof: str, key: VerifyKey) -> None:
    """Has no folder and no theater, only a text and a key."""
    try:
        event = EventProof.parse(proof).verify(key)
    except ForgedError as error:
        print("refused:", type(error).__name__)
    else:
        print("verified:", event.kind, event.body["args"], event.body["answer"])


async def main(folder: Path) -> None:
    async with Theater(folder) as theater:
        office = await theater.spawn(Office(), name="office")
        await office.ask(Office.approve, "invoice 7", 120)
        await office.ask(Office.approve, "invoice 8", 30)

    history = History(folder)
    approval = history.chain("office")[1]
    proof = history.prove(approval)
    stranger(str(proof), history.key)

    forged = replace(proof, data=proof.data.replace(b"invoice 7", b"invoice 9"))
    stranger(str(forged), history.key)  # another event than the one that was signed
    stranger(str(proof), SigningKey.generate().public)  # signed by somebody else


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        anyio.run(main, Path(folder) / "theater")
