"""Ways to keep contents by their hash on a disk, each behind the same three methods."""
