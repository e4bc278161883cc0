"""Manifests: a crew of actors, described in TOML."""
