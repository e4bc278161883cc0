"""Named mutants: faults of one line, each with the one test that must fail because of it.

    python mutants.py FOLDER [NAME...]      works in the folder; tries these, or all

It says of each `STATUS NAME`: 1 if the test ran and failed, 0 if it passed, another number for trouble. The
first line is that of all tests without a fault. Each is tried in a process of its own, in which the functions
of the file are as they would be with the fault.
"""

from __future__ import annotations

import inspect
import os
import signal
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import CodeType
from typing import Any

import anyio._backends._asyncio  # noqa: F401
import cryptography.hazmat.primitives.asymmetric.ed25519  # noqa: F401  # once for all who are forked
import hypothesis  # noqa: F401
import msgspec  # noqa: F401
import pytest

import theater.cli  # noqa: F401  # and with it all of it

PATIENCE = 120  # seconds; all tests together take 10
TROUBLE = 99  # not a status of pytest
PLUGINS = ["-p", "anyio.pytest_plugin", "-p", "theater.testing.plugin"]  # all that these tests need
os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault."""

    name: str  # what it is
    file: str
    old: str  # stands in the file once
    new: str
    test: str  # of `tests/`

    def source(self) -> str:
        """The whole file with the fault in it.

        Raises:
            ValueError: the line is not there, or more than once.
        """
        text = (ROOT / self.file).read_text()
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.old!r} stands {text.count(self.old)} times in {self.file}")
        return text.replace(self.old, self.new)


MUTANTS = [
    # -- chain and tree
    Mutant(
        "an event need not name the hash of the one before it",
        "theater/chain.py",
        "if isinstance(event, Event) and event.parent != tip.head:",
        "if isinstance(event, Event) and event.parent is None and tip.head:",
        "test_chain.py::test_another_history_is_told_by_the_parent_it_names",
    ),
    Mutant(
        "a seq may be missing in a chain",
        "theater/chain.py",
        "    if event.seq != tip.size:\n",
        "    if event.seq < tip.size:\n",
        "test_chain.py::test_a_broken_chain_names_seq_expected_and_found",
    ),
    Mutant(
        "time may go back in a chain",
        "theater/chain.py",
        "            if event.time < time:\n",
        "            if False:\n",
        "test_chain.py::test_a_time_that_goes_back_breaks_a_chain",
    ),
    Mutant(
        "an event's hash is not that of a leaf",
        "theater/nodes.py",
        "    hash = LEAF.copy()",
        "    hash = sha256()",
        "test_chain.py::test_the_bytes_of_a_chain_are_these_for_ever",
    ),
    Mutant(
        "siblings of a proof are taken for each other",
        "theater/merkle.py",
        "        found = node_hash(sibling, found) if is_left else node_hash(found, sibling)\n"
        '    _match("inclusion proof: root"',
        "        found = node_hash(found, sibling) if is_left else node_hash(sibling, found)\n"
        '    _match("inclusion proof: root"',
        "test_merkle.py::test_every_root_and_proof_of_every_small_log_holds",
    ),
    # -- journal
    Mutant(
        "a batch is not synced",
        "theater/journal/segment.py",
        "        self._calls.sync(self._descriptor)\n        self.end = end",
        "        self.end = end",
        "test_journal_faults.py::test_when_the_power_goes_what_was_acknowledged_is_there_after_reopening[0-real]",
    ),
    Mutant(
        "a large content is not synced before it has its name",
        "theater/journal/blobs.py",
        "        self._calls.sync(self._descriptor)\n        self._close()",
        "        self._close()",
        "test_journal_faults.py::test_when_the_power_goes_what_was_acknowledged_is_there_after_reopening[0-real]",
    ),
    Mutant(
        "the folder of a large content is not synced",
        "theater/journal/blobs.py",
        "        self._calls.sync_folder(target.parent)",
        "        pass",
        "test_journal_faults.py::test_when_the_power_goes_what_was_acknowledged_is_there_after_reopening[0-real]",
    ),
    Mutant(
        "who waits is told though the event is still in the inlet",
        "theater/journal/commits.py",
        "        elif not (self.inlet.is_empty and self.forming.is_empty):",
        "        elif not self.forming.is_empty:",
        "test_intake.py::test_whoever_waits_for_an_event_in_the_inlet_is_told_when_it_is_on_the_disk",
    ),
    Mutant(
        "a chain with a hole is taken in",
        "theater/journal/intake.py",
        "        if seq != positions[0] + len(positions) - 1:",
        "        if seq < positions[0] + len(positions) - 1:",
        "test_intake.py::test_an_event_that_does_not_follow_fails_the_journal_and_nothing_is_signed",
    ),
    Mutant(
        "who waits for the commit is told before it",
        "theater/journal/commits.py",
        "            self.forming.waiters.append((future, result))",
        "            future.set_result(result)",
        "test_journal_faults.py::test_a_failed_sync_ends_the_journal_for_everyone",
    ),
    Mutant(
        "a copy of an older commit is taken for a later one",
        "theater/journal/walk.py",
        "            and place.offset < commit.start == end - commit.length\n",
        "",
        "test_journal_faults.py::test_a_copy_of_older_commits_in_a_torn_batch_is_no_later_commit",
    ),
    Mutant(
        "a bad batch with a whole one after it is cut off",
        "theater/journal/walk.py",
        '        return "" if later is None else f"a whole batch follows at offset {later}"',
        '        return ""',
        "test_journal_faults.py::test_a_bit_flipped_before_the_last_batch_is_damage_and_nothing_is_changed",
    ),
    Mutant(
        "a root is not computed anew",
        "theater/verify/checkpoints.py",
        "        root = self._tree.root()\n        text",
        "        root = Note.parse(note).checkpoint(self.keys[-1]).root\n        text",
        "test_verify.py::test_swapped_events_of_two_actors_are_shown_by_the_root",
    ),
    Mutant(
        "a checkpoint kept elsewhere is not compared",
        "theater/verify/checkpoints.py",
        "            if kept != self.last:",
        "            if False:",
        "test_verify.py::test_a_rewritten_journal_is_shown_by_a_checkpoint_kept_elsewhere",
    ),
    # -- who writes, and what is made ready for it
    Mutant(
        "a disk that stalled is trusted all the same",
        "theater/journal/trust.py",
        "        self._quick = 0\n",
        "",
        "test_trust.py::test_each_stall_takes_the_trust_away_for_twice_as_long_up_to_a_thousand_batches",
    ),
    Mutant(
        "a process that was forked writes over what its parent has signed",
        "theater/journal/writer.py",
        " and getpid() == self._process",
        "",
        "test_writer.py::test_a_process_that_was_forked_leaves_the_log_to_the_one_it_came_from",
    ),
    Mutant(
        "the loop writes while the next segment is to be taken",
        "theater/journal/log.py",
        "            and (is_prepared or batch.end.offset < self.segment_bytes - _NEXT)\n",
        "",
        "test_following.py::test_batches_are_written_while_the_next_segment_is_being_made",
    ),
    Mutant(
        "a segment that cannot be made is no failure",
        "theater/journal/log.py",
        "            if not is_full(error):\n                raise\n",
        "",
        "test_following.py::test_a_segment_that_cannot_be_made_is_a_failure_of_the_writer",
    ),
    Mutant(
        "a segment in which nothing was written is closed as the last",
        "theater/journal/log.py",
        "        self._go_back()\n",
        "",
        "test_journal_faults.py"
        "::test_a_folder_whose_last_segment_is_all_torn_can_be_closed_and_opened_again_and_again",
    ),
    Mutant(
        "a batch that is submitted again is written again",
        "theater/journal/writer.py",
        "        if not batch.is_written:",
        "        if True:",
        "test_writer.py::test_a_batch_that_is_submitted_again_is_written_once",
    ),
    Mutant(
        "a journal goes on from a step that was cut off",
        "theater/journal/steps.py",
        "                self._cut_off(error)",
        "                pass",
        "test_steps.py::test_a_step_that_is_cut_off_is_told_unless_it_is_whole_all_the_same",
    ),
    # -- store
    Mutant(
        "a kept copy is not hashed on its way out",
        "theater/store/hashing.py",
        "    found = sha256(content).hexdigest()\n",
        "    found = ref.hash\n",
        "test_store.py::test_get_never_returns_wrong_bytes",
    ),
    Mutant(
        "what another store holds is found in this one",
        "theater/store/decision.py",
        "    return request.ref.digest in holding.sizes",
        "    return True",
        "test_store.py::test_exists_speaks_of_this_store_only",
    ),
    Mutant(
        "the last ref does not take its label with it",
        "theater/store/fold.py",
        "        if not there:\n            self.labels.pop(label, None)",
        "        self.labels[label] = there",
        "test_store_fold.py::test_the_last_ref_takes_the_label_with_it",
    ),
    Mutant(
        "labelling again does not make the newest",
        "theater/store/fold.py",
        "        there = self.labels.setdefault(label, {})\n        there.pop(digest, None)",
        "        there = self.labels.setdefault(label, {})",
        "test_store_fold.py::test_labelling_a_ref_again_makes_it_the_newest",
    ),
    Mutant(
        "replacing leaves what was at the label",
        "theater/store/fold.py",
        '    holding.labels[body["label"]] = {body["ref"].digest: None}',
        "    _label(holding, body)",
        "test_store_fold.py::test_replacing_leaves_nothing_else_at_the_label",
    ),
    # -- recovery
    Mutant(
        "what an actor had set aside is lost in a crash",
        "theater/waking.py",
        "    for seq, letter in past.stashed.items():\n",
        "    for seq, letter in ():\n",
        "test_stashing.py::test_after_a_crash_what_was_set_aside_is_neither_lost_nor_doubled",
    ),
    Mutant(
        "what was sent and never received is not delivered again",
        "theater/redelivery.py",
        "    for sender, seq in left:\n",
        "    for sender, seq in ():\n",
        "test_resume.py::test_a_crash_forgets_nothing_that_was_settled",
    ),
    Mutant(
        "a timer that is overdue waits once more",
        "theater/waking.py",
        "within=max(0.0, left)",
        "within=delay",
        "test_resume.py::test_a_timer_goes_on_and_an_overdue_one_rings_at_once",
    ),
    Mutant(
        "a cancelled timer is set again",
        "theater/past.py",
        '    past.timers.pop(event.body["timer"], None)',
        "    pass",
        "test_resume.py::test_a_cancelled_timer_stays_cancelled",
    ),
    Mutant(
        "a withdrawn message is delivered",
        "theater/undelivered.py",
        '        elif kind == "message/withdrawn" or ',
        "        elif ",
        "test_undelivered.py::test_a_message_withdrawn_after_a_snapshot_that_holds_it_is_not_delivered",
    ),
    Mutant(
        "news of a child's end is told again",
        "theater/past.py",
        "        past.children.pop(about.id, None)",
        "        pass",
        "test_reunion.py::test_what_was_not_told_before_a_crash_is_told_after_it_and_once",
    ),
    Mutant(
        "a message that may kill the process is not on record before it runs again",
        "theater/redelivery.py",
        "    if not cell.theater.was_closed:\n        _take_the_first_durably(envelopes)",
        "    pass",
        "test_redelivery.py"
        "::test_the_message_that_may_have_killed_the_process_is_durably_begun_before_it_runs_again",
    ),
    # -- run queue
    Mutant(
        "actors that go on and on leave nobody else a turn",
        "theater/loop/pump.py",
        "while ready and left and self.now < until:",
        "while ready and self.now < until:",
        "test_pump.py::test_others_have_their_turn_after_64_actors",
    ),
    Mutant(
        "what is recorded on the quick way weighs nothing",
        "theater/recorder.py",
        "line.weight += size",
        "line.weight += 0",
        "test_snapshots.py::test_one_that_is_only_told_things_is_written_down_as_often",
    ),
    Mutant(
        "others run before what was handled is written",
        "theater/bursts.py",
        "if plan.waits:",
        "if False:",
        "test_unwritten.py::test_while_somebody_waits_all_before_is_written",
    ),
    Mutant(
        "who looks misses what is not written yet",
        "theater/journal/protocol.py",
        "        if self.bodies:\n            self.write_down()\n",
        "",
        "test_unwritten.py::test_a_handler_that_looks_finds_all_that_was_handled",
    ),
    Mutant(
        "a burst in the midst of another one comes into its chain",
        "theater/bursts.py",
        "inlet.line is None",
        "True",
        "test_unwritten.py::test_one_in_whose_midst_another_one_handles_messages_has_its_own_chain",
    ),
    Mutant(
        "a clock that was set back in a burst takes the chain's time back",
        "theater/recorder.py",
        "if times[0] < self.time or times != sorted(times):",
        "if False:",
        "test_unwritten.py::test_a_clock_that_goes_back_is_waited_for",
    ),
    Mutant(
        "a burst goes on when its life has ended",
        "theater/bursts.py",
        " or cell.signals",
        "",
        "test_bursts.py::test_what_lies_behind_the_message_that_ends_a_life_comes_into_the_next",
    ),
    Mutant(
        "a burst goes on when its actor has ended",
        "theater/bursts.py",
        " or cell.is_ending",
        "",
        "test_bursts.py::test_what_lies_behind_the_message_that_ends_its_actor_is_not_handled",
    ),
    Mutant(
        "a burst has no end",
        "theater/bursts.py",
        " or not left",
        "",
        "test_bursts.py::test_256_messages_later_others_have_their_turn",
    ),
    Mutant(
        "one that blocks the loop and raises in a burst is not named",
        "theater/bursts.py",
        "                _blame_if_slow(cell, plan.name, before)\n",
        "",
        "test_bursts.py::test_one_in_a_row_that_blocks_the_loop_is_named",
    ),
    # -- supervision
    Mutant(
        "one restart more than the limit",
        "theater/restart.py",
        "len(recent(earlier, now=now, limit=limit)) < limit.restarts",
        "len(recent(earlier, now=now, limit=limit)) <= limit.restarts",
        "test_restart.py::test_past_its_limit_a_child_escalates",
    ),
    Mutant(
        "restarts count for ever",
        "theater/restart.py",
        "if now - moment < limit.within)",
        "if True)",
        "test_lives.py::test_failures_that_are_far_enough_apart_never_pass_the_limit",
    ),
    Mutant(
        "those before the child are started again as well",
        "theater/restart.py",
        "        return range(place, count)",
        "        return range(count)",
        "test_restart.py::test_the_table_of_strategy_restart_type_and_reason",
    ),
    Mutant(
        "children are stopped from the first to the last",
        "theater/supervisor.py",
        "    children = tuple(reversed(cell.children))",
        "    children = tuple(cell.children)",
        "test_ends.py::test_children_are_stopped_from_the_last_to_the_first_and_before_their_supervisor",
    ),
    Mutant(
        "watchers are not told",
        "theater/supervisor.py",
        "        watch.tell(cell)",
        "        pass",
        "test_ends.py::test_a_watcher_is_told_once_with_the_reason",
    ),
]


def mutate(mutant: Mutant) -> None:
    """From now on the functions of this process have the fault; whoever has imported them, too."""
    path = ROOT / mutant.file
    whole, faulty = _functions(path.read_text(), path), _functions(mutant.source(), path)
    changed = [name for name in whole if _essence(whole[name]) != _essence(faulty[name])]
    module = import_module(".".join(Path(mutant.file).with_suffix("").parts))
    for name in changed:
        found: Any = module
        for part in name.split("."):
            found = vars(found)[part]
        found = getattr(found, "fget", getattr(found, "__func__", found))  # of a property, of a class
        found.__code__ = faulty[name]
    if not changed:
        raise ValueError(f"{mutant.name}: no function of {mutant.file} is another")


def _functions(source: str, path: Path) -> dict[str, CodeType]:
    """The outermost functions of a file, by qualified name."""
    found: dict[str, CodeType] = {}
    waiting = [compile(source, str(path), "exec", dont_inherit=True)]
    while waiting:
        for code in waiting.pop().co_consts:
            if isinstance(code, CodeType) and code.co_flags & inspect.CO_OPTIMIZED:
                found[code.co_qualname] = code
            elif isinstance(code, CodeType):
                waiting.append(code)  # a class
    return found


def _essence(code: CodeType) -> tuple[object, ...]:
    """What a function does, wherever it stands."""
    parts = tuple(_essence(part) if isinstance(part, CodeType) else repr(part) for part in code.co_consts)
    return code.co_code, code.co_names, code.co_varnames, parts


def run(tests: list[str], work: str) -> int:
    """Run these tests; returns what pytest says: 0 all passed, 1 some failed, anything else neither."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    paths = [str(ROOT / "tests" / test) for test in tests]
    return int(pytest.main(["-x", "-p", "no:cacheprovider", "--basetemp", work, *PLUGINS, *paths]))


def forked(tests: list[str], work: str, mutant: Mutant | None = None) -> int:
    """The same in a process of its own, with the fault in it."""
    pid = os.fork()
    if not pid:
        signal.alarm(PATIENCE)  # with a fault it may never end
        status = TROUBLE
        try:
            if mutant is not None:
                mutate(mutant)
            status = run(tests, work)
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main(work: str, names: list[str]) -> None:
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    say(forked(sorted({mutant.test for mutant in chosen}), work), "without any")
    for mutant in chosen:
        say(forked([mutant.test], work, mutant), mutant.name)


def say(status: int, name: str) -> None:
    os.write(1, f"{status} {name}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
