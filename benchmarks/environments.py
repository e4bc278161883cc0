"""Virtual environments, one for each peer: made when first asked for, kept until their packages change."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.kinds import Environment, System

_MARK = "installed"  # a file in a whole environment: what it was made of
_LONGEST = 900  # seconds that pip may take
_PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input")
_UNREACHED = "after connection broken by"  # pip warns so, and in the end says only that it found nothing
_PROBE = "import ensurepip, sys, venv; sys.exit(sys.version_info[:2] != ({}))"


class AbsentError(Exception):
    """A peer cannot be measured here; the text says what is missing."""


class Environments:
    """Makes what peers need below one folder."""

    def __init__(self, folder: Path, *, seen: Callable[[str], None] = lambda _: None) -> None:
        self._folder = folder
        self._seen = seen

    def python_for(self, system: System) -> Path:
        """The Python that has what this system needs; installs it if need be.

        Raises:
            AbsentError: a program, a Python or a package cannot be had here.
        """
        for program in system.programs:
            if shutil.which(program) is None:
                raise AbsentError(f"there is no program `{program}` on this machine")
        if system.environment is None:
            return Path(sys.executable)
        return self._provide(system.name, system.environment)

    def _provide(self, name: str, environment: Environment) -> Path:
        version, base = find_python(environment.pythons)
        folder = (self._folder / f"{name}-{version}").resolve()
        python, mark = folder / "bin" / "python", folder / _MARK
        made_of = "\n".join(environment.packages)
        if not (mark.is_file() and mark.read_text() == made_of and python.exists()):
            self._seen(f"installing {', '.join(environment.packages)} into {folder}")
            _run(str(base), "-m", "venv", "--clear", str(folder))
            _run(str(python), *_PIP, *environment.packages)
            mark.write_text(made_of)
        return python


def find_python(versions: tuple[str, ...]) -> tuple[str, Path]:
    """The running Python if it is of one of these versions, else the first that is installed.

    Raises:
        AbsentError: none is.
    """
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    if running in versions:
        return running, Path(sys.executable)
    for version in versions:
        for candidate in _candidates(version):
            if _is_python(candidate, version):
                return version, candidate
    raise AbsentError(f"it needs Python {' or '.join(versions)}, and this machine has none")


def _candidates(version: str) -> Iterator[Path]:
    if (found := shutil.which(f"python{version}")) is not None:
        yield Path(found)
    yield from sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"), reverse=True)


def _is_python(candidate: Path, version: str) -> bool:
    """A name on PATH proves nothing: pyenv's shims are there for versions that are switched off."""
    probe = _PROBE.format(version.replace(".", ", "))
    return not subprocess.run([candidate, "-c", probe], check=False, capture_output=True).returncode


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_LONGEST)
    except subprocess.TimeoutExpired:
        raise AbsentError(f"`{' '.join(command)}` took more than {_LONGEST} s") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or done.stdout.strip().splitlines() or ["nothing"]
        errors = [line for line in said if line.startswith("ERROR:")] or said
        why = " (pip could not reach its index)" if _UNREACHED in done.stderr else ""
        raise AbsentError(f"`{' '.join(command)}` said: {errors[-1]}{why}")
