"""The JSON schema of manifests, made from the same keys that read them."""

from __future__ import annotations

from typing import Any

from theater.manifest.keys import ACTOR, MANIFEST


def json_schema() -> dict[str, Any]:
    """What editors check a manifest by; that classes exist and fields fit is beyond a schema."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A Theater manifest",
        "description": "A crew of actors, for `theater run`, `theater check` and `Theater.from_manifest`.",
        **MANIFEST.schema(),
        "$defs": {"actor": ACTOR.schema()},
    }
