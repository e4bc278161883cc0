"""The audit: from the chains in a folder alone, was any money made or lost?"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from theater import ChainView, Event, History


@dataclass
class Audit:
    """What the chains of a bank's accounts say."""

    accounts: int = 0
    opened: int = 0  # what the accounts began with, in all
    closed: int = 0  # what they hold at the end
    lowest: int = 0  # that an account ever held
    moved: int = 0
    transfers: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether no money was made or lost, in any step."""
        return not self.faults and self.opened == self.closed


@dataclass(frozen=True)
class _Entry:
    """One change of an account, on whose word."""

    teller: bytes  # id
    seq: int  # of the teller's event that asked for it
    amount: int  # taken out if below 0


def audit(history: History, bank: str) -> Audit:
    """Add up the chains of all accounts of this bank, and match what left one with what came to another."""
    found = Audit()
    entries: list[_Entry] = []
    for actor in history.actors():
        if actor.name.startswith(f"{bank}/account-"):
            entries += _account(actor.name, history.chain(actor.id), found)
    _match(sorted(entries, key=lambda entry: (entry.teller, entry.seq)), found)
    return found


def _account(name: str, chain: ChainView, found: Audit) -> list[_Entry]:
    """Follow one account: after each message it must hold what its entries so far add up to."""
    balance = int(chain[0].body["state"]["balance"])
    found.lowest = min(found.lowest, balance) if found.accounts else balance
    found.accounts += 1
    found.opened += balance
    entries = []
    for event in chain:
        if event.kind == "message/handled" and "error" in event.body:
            found.refused += 1
        elif event.kind == "message/handled":
            entries.append(_entry(event))
            balance += entries[-1].amount
            found.lowest = min(found.lowest, balance)
            if event.body["state"]["balance"] != balance or balance < 0:
                found.faults.append(f"{name}@{event.seq}: {event.body['state']['balance']}, not {balance}")
    found.closed += balance
    return entries


def _entry(event: Event) -> _Entry:
    body = event.body
    teller, seq, _ = body["from"]
    return _Entry(teller, seq, body["args"][0] if body["handler"] == "deposit" else -body["args"][0])


def _match(entries: list[_Entry], found: Audit) -> None:
    """Each amount that a teller took out must be what the same teller brought next."""
    if len(entries) % 2:
        found.faults.append("one amount left an account and came to none")
    for out, back in pairwise(entries):
        if out.amount > 0:
            continue
        found.transfers += 1
        found.moved += back.amount
        if back.amount != -out.amount or back.teller != out.teller:
            found.faults.append(f"{-out.amount} left an account, {back.amount} came to another")
