"""Manifests as the command line takes them: from a file, with the environment for variables."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from theater import Theater
from theater.cli.options import Settings
from theater.manifest.crew import Crew, load

SUFFIX = ".toml"


def look_here_first() -> None:
    """Have Python look for modules in the current directory before all others."""
    here = str(Path.cwd())
    if here not in sys.path[:1]:
        sys.path.insert(0, here)


def crew_of(path: Path) -> Crew:
    """The crew that a file describes.

    Raises:
        ManifestError: all that is wrong with it.
    """
    look_here_first()
    return load(path, os.environ)


def theater_of(path: Path, settings: Settings, key: Path | None = None) -> Theater:
    """The theater that a file describes; a folder that the command line names comes first.

    Raises:
        ManifestError: all that is wrong with it.
    """
    folder = crew_of(path).folder
    if folder is not None and not settings.is_home_said:
        settings.home = folder
    return Theater.from_manifest(path, variables=os.environ, folder=settings.home, key=key)
