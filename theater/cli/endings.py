"""How a command ends: a code that means something, and one line that says what to do."""

from __future__ import annotations

import os
import sys
import traceback

import click

from theater import (
    ActorFailedError,
    ActorNotFoundError,
    ContentNotFoundError,
    FolderInUseError,
    ForgedError,
    HistoryCutError,
    JournalError,
    MissingError,
    StoreNotFoundError,
    TheaterError,
)
from theater.cli.visible import visible

WRONG, USAGE, MISSING, FOLDER, FAILED, FAULT = 1, 2, 3, 4, 5, 70
INTERRUPTED, PIPE, TERMINATED = 130, 141, 143

CODES = {
    0: "all went well",
    WRONG: "a record is not as it was signed, or not as the code does it; or a manifest has problems",
    USAGE: "the command line, a name or a value is wrong",
    MISSING: "what was asked for is not there: an actor, event, store or content",
    FOLDER: "the folder, a file or the disk: no theater, in use, read-only, full",
    FAILED: "an actor failed",
    FAULT: "an error that nobody foresaw; --debug shows it",
    INTERRUPTED: "ended by Ctrl-C",
    PIPE: "whoever read the output went away",
    TERMINATED: "ended by SIGTERM",
}

HINT = "--debug shows the traceback"


class Ended(Exception):  # noqa: N818  # no error: the command is over
    """End the command quietly with this code; all there was to say was said."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


_NO_ARGUMENTS: tuple[type[Exception], ...] = (
    getattr(click.exceptions, "NoArgsIsHelpError", click.exceptions.Exit),
)  # click 8.1 prints help by itself
_HINTS: dict[type[BaseException], str] = {
    ActorNotFoundError: "`theater ps` lists the actors",
    ContentNotFoundError: "`theater store ls ACTOR` lists what a store holds",
    StoreNotFoundError: "`theater store ls ACTOR` lists what a store holds",
    HistoryCutError: "`theater log ACTOR` prints the events that are there",
    FolderInUseError: "end that process first; ps, log, show, verify and prove work beside it",
    ForgedError: "do not trust it",
    ActorFailedError: HINT,
}
_CLASSES: dict[type[BaseException], int] = {
    KeyboardInterrupt: INTERRUPTED,
    click.Abort: INTERRUPTED,
    BrokenPipeError: PIPE,
    click.UsageError: USAGE,
    ForgedError: WRONG,
    MissingError: MISSING,
    JournalError: FOLDER,
    ActorFailedError: FAILED,
    TheaterError: USAGE,
    click.FileError: FOLDER,
    OSError: FOLDER,
}


def end(error: BaseException, *, debug: bool) -> int:
    """Say in one line what went wrong and what to do, unless nobody wants to know; returns the exit code."""
    code = code_of(error)
    if isinstance(error, _NO_ARGUMENTS):
        click.echo(str(error))  # the help: it tells what to type
    elif code == PIPE:
        _let_go()
    elif told(error):
        if debug:
            click.echo(visible("".join(traceback.format_exception(error)), keep="\n"), err=True, nl=False)
        error = _single(error)
        line = f"theater: {_text(error)}"
        click.echo(line if code != FAULT else f"{line}; {HINT}", err=True)
    return code


def code_of(error: BaseException) -> int:
    """The exit code that an error means."""
    error = _single(error)
    if isinstance(error, Ended):
        return error.code
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    return next((code for kind, code in _CLASSES.items() if isinstance(error, kind)), FAULT)


def told(error: BaseException) -> bool:
    """Whether an error is worth a line: an end that somebody asked for is not."""
    error = _single(error)
    quiet = (Ended, SystemExit, KeyboardInterrupt, click.Abort, BrokenPipeError)
    return not isinstance(error, quiet)


def _text(error: BaseException) -> str:
    if isinstance(error, click.UsageError):
        where = error.ctx.command_path if error.ctx is not None else "theater"
        return f"{_in_line(error.format_message())} (see `{where} --help`)"
    if isinstance(error, click.ClickException):
        return _in_line(error.format_message())
    hint = next((hint for kind, hint in _HINTS.items() if isinstance(error, kind)), "")
    name = "" if isinstance(error, (TheaterError, OSError)) else f"{type(error).__name__}: "
    return name + _in_line(str(error)) + (f"; {hint}" if hint else "")


def _in_line(text: str) -> str:
    return visible(" ".join(text.split()))


def _single(error: BaseException) -> BaseException:
    """What a group of one holds: task groups wrap what leaves them."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _let_go() -> None:
    """Write nowhere from here on: what is still buffered would raise again when the process ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
