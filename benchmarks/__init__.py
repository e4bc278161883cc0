"""How fast Theater is, beside the bare limits and beside peers: `python -m benchmarks`."""
