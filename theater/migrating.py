"""Migrating: a recorded state of an earlier version of a class becomes one of its present version."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from theater.codec import decode, encode
from theater.errors import SetupError
from theater.failure import text_of
from theater.untyped import name_of

if TYPE_CHECKING:
    from theater.plan import ActorPlan

Migration = Callable[[dict[str, Any]], dict[str, Any]]
F = TypeVar("F", bound=Migration)

_MARK = "__theater_migration__"


def migrate(*, from_version: int) -> Callable[[F], F]:
    """Let a static method make a state of the next version from one of `from_version`.

    It takes the state as it was recorded, a map from field to plain value, and returns that of the next
    version. Of several versions each has its own, and they run one after the other.

        class Counter(Actor):
            version: ClassVar[int] = 2
            total: int = 0

            @migrate(from_version=1)
            @staticmethod
            def rename(state: dict[str, Any]) -> dict[str, Any]:
                return {"total": state["sum"]}
    """
    if type(from_version) is not int or from_version < 1:
        raise SetupError(f"from_version must be a whole number of at least 1, not {from_version!r}")

    def mark(function: F) -> F:
        setattr(getattr(function, "__func__", function), _MARK, from_version)
        return function

    return mark


def versions_of(cls: Any) -> tuple[int, dict[int, Migration]]:
    """The version of a class's state, and how it is made from each earlier one that is known.

    Raises:
        SetupError: one of them is not as it must be.
    """
    version = cls.version
    if type(version) is not int or version < 1:
        raise SetupError(f"{name_of(cls)}.version must be a whole number of at least 1, not {version!r}")
    found: dict[int, Migration] = {}
    for base in reversed(cls.__mro__):
        found |= _own(base)
    for earlier in found:
        if earlier >= version:
            raise SetupError(f"{name_of(cls)} is of version {version}: nothing is to migrate from {earlier}")
    return version, found


def _own(base: type) -> dict[int, Migration]:
    found: dict[int, Migration] = {}
    for name, it in vars(base).items():
        earlier = getattr(getattr(it, "__func__", it), _MARK, None)
        if earlier is None:
            continue
        if not isinstance(it, staticmethod):
            raise SetupError(f"{name_of(base)}.{name} must be a @staticmethod: there is no actor yet")
        if earlier in found:
            raise SetupError(f"{name_of(base)} has two migrations from version {earlier}")
        found[earlier] = it.__func__
    return found


def lifted(plan: ActorPlan, state: dict[str, Any], version: int) -> dict[str, Any]:
    """A state of `version`, plain, as the present version of the class has it; the given one stays as it is.

    Raises:
        SetupError: there is no way, or it failed.
    """
    if version == plan.version:
        return state
    if version > plan.version:
        raise SetupError(f"its state is of version {version}, and this {plan.label} of {plan.version}")
    lifted: Any = decode(encode(state))
    for earlier in range(version, plan.version):
        step = plan.migrations.get(earlier)
        if step is None:
            raise SetupError(
                f"its state is of version {earlier}, and {plan.label} has no @migrate(from_version={earlier})"
            )
        lifted = _step(plan, earlier, step, lifted)
    return dict(lifted)


def _step(plan: ActorPlan, earlier: int, step: Migration, state: dict[str, Any]) -> object:
    try:
        lifted = decode(encode(step(state), name="state"))
    except Exception as error:
        what = f"the migration of {plan.label} from version {earlier} failed"
        raise SetupError(f"{what}: {type(error).__name__}: {text_of(error)}") from error
    if type(lifted) is not dict:
        raise SetupError(f"the migration of {plan.label} from version {earlier} returned no map")
    return lifted
