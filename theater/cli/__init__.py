"""The command line: parses, calls the door, prints; the only place that reads the environment or exits."""

from theater.cli.app import main

__all__ = ["main"]
