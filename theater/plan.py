"""Plans: what a class of actors is made of, read once."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import cached_property, reduce
from hashlib import sha256
from types import FunctionType
from typing import Any

from theater.annotation import (
    Scope,
    UnknownNameError,
    arguments_of,
    module_names,
    own_annotations,
    own_names,
    substitute,
)
from theater.errors import SetupError
from theater.field import Default, clean, own_defaults, own_fields, own_scratch
from theater.handler import HandlerPlan
from theater.marking import HandlerOptions, abstract_methods, check_method, check_override, options_of
from theater.migrating import versions_of
from theater.signature import plan_hook, plan_method, shape_of
from theater.state import Field, State, StateKeeper
from theater.supervision import decider_of, supervision_of
from theater.untyped import World, name_of
from theater.whereabouts import name_of_module
from theater.yielding import StreamPlan

HOOKS = {
    "on_start": True,
    "on_load": False,
    "on_stop": True,
    "on_child_failed": True,
    "on_child_stopped": True,
    "on_child_stopped_by": True,
}
"""What the runtime calls by itself, and whether it is async."""

_PLAN = "_theater_plan"


class ActorPlan:
    """One class of actors: its names when it is made, its types once all of them are known."""

    def __init__(self, cls: Any, scope: Scope) -> None:
        self.cls = cls
        self.label = name_of(cls)  # as errors call it
        self.class_name = f"{name_of_module(cls.__module__)}:{cls.__qualname__}"
        self.scope = scope
        self.names = tuple(dict.fromkeys(name for base in _bases(cls) for name in own_fields(base)))
        self.own_defaults = own_defaults(cls, self.names)
        self.own_scratch = own_scratch(cls)
        self.defaults: dict[str, Default] = {}
        self.scratch: dict[str, Default] = {}
        self._inherit()
        clean(cls)
        _check_class(cls, self.names)
        self.handlers: dict[str, HandlerPlan] = {}
        self.callable_by: dict[Any, HandlerPlan] = {}  # by name, and by each function that stands for one
        self.streams: dict[str, StreamPlan] = {}  # of the handlers, those that yield; not in `callable_by`
        self.hooks = dict(_hooks(cls))
        self.supervision = supervision_of(cls, _root(cls))
        self.decide = decider_of(cls) if self.supervision is not None else None
        self.version, self.migrations = versions_of(cls)
        self.state = State(self.label, {})
        self.is_ready = False  # its types are known
        self.is_checked = False  # nothing has been done to the class since it was made
        self.abstract = abstract_methods(cls)
        self._methods = dict(_methods(cls))
        self.has_lanes = any(options.priority for _, _, options in self._methods.values())

    def prepare(self) -> None:
        """Read all types.

        Raises:
            UnknownNameError: an annotation calls a name that is not known (yet).
            SetupError: what a field or a handler holds cannot be carried.
        """
        fields = dict(self._fields())
        self.state = State(self.label, {name: fields[name] for name in self.names})
        known = arguments_of(self.cls)
        self.handlers = {
            name: plan_method(
                function,
                owner=owner,
                label=f"{self.label}.{name}",
                scope=_scope(owner),
                known=known.get(owner, {}),
                options=options,
            )
            for name, (owner, function, options) in self._methods.items()
        }
        for one in self.handlers.values():
            one.is_brief &= self.state.is_brief
        self.streams = {name: one for name, one in self.handlers.items() if isinstance(one, StreamPlan)}
        by_any: dict[Any, HandlerPlan] = {**self.handlers, **dict(self._functions())}
        self.callable_by = {key: one for key, one in by_any.items() if not isinstance(one, StreamPlan)}
        self.scope.settle()
        self.is_ready = True

    def _functions(self) -> Iterator[tuple[object, HandlerPlan]]:
        """Every function that stands for a handler: the class's own, and those it overrides."""
        for name, plan in self.handlers.items():
            for base in self.cls.__mro__:
                if name in vars(base):
                    yield vars(base)[name], plan

    def begin(self, actor: object, given: Mapping[str, Any]) -> None:
        """Fill a new instance with what its constructor was given.

        Raises:
            TypeError: a name is no field, or a field without a default is not given.
            SetupError: the class is abstract.
        """
        if self.abstract:
            raise SetupError(f"{self.label} is abstract: make a subclass that has {', '.join(self.abstract)}")
        for name in given:
            if name not in self.names:
                raise TypeError(f"{self.label}() got an unexpected argument {name!r}")
        attributes = actor.__dict__
        for name in self.names:
            if name in given:
                attributes[name] = given[name]
            elif name in self.defaults:
                attributes[name] = self.defaults[name]()
            else:
                raise TypeError(f"{self.label}() missing argument {name!r}")
        attributes.update({name: default() for name, default in self.scratch.items()})

    def copy_state(self, actor: object, world: World) -> dict[str, Any]:
        """All fields of an instance as plain values, which the instance can no longer change.

        Raises:
            TypeError: one does not fit, is missing, or an attribute is no field.
        """
        return self.state.copy(actor.__dict__, world)

    def restore_state(self, plain: Mapping[str, Any], world: World) -> dict[str, Any]:
        """The values of all fields; those that a record lacks get their defaults.

        Raises:
            TypeError: the record holds something else than this class has.
        """
        return self.state.restore(plain, world)

    def new(self, plain: Mapping[str, Any], world: World) -> Any:
        """An instance with this state, made without `__init__` and `__post_init__`.

        Raises:
            TypeError: the record holds something else than this class has.
        """
        actor = object.__new__(self.cls)
        if plain or self.names:  # a dict whose keys it shares with others takes 30 ns more for each access
            actor.__dict__ = self.state.restore(plain, world)
        actor.__dict__.update({name: default() for name, default in self.scratch.items()})
        return actor

    def keeper(
        self, actor: Any, world: World, recall: World | None = None, *, tells: bool = True
    ) -> StateKeeper:
        """What remembers the last good state of this instance, beginning with the present one.

        `world` turns addresses into refs, of actors that somebody holds a ref of; `recall`, which is `world`
        if it is left out, also of actors that are no more. One that `tells` gives new states to the record.
        """
        return self.state.keeper(actor.__dict__, world, recall or world, tells=tells)

    @cached_property
    def source_digest(self) -> bytes | None:
        """SHA-256 of the class's own source, 32 bytes; None where there is none."""
        try:
            return sha256(inspect.getsource(self.cls).encode()).digest()
        except (OSError, TypeError):  # made by a program, or typed in
            return None

    def _inherit(self) -> None:
        for base in _bases(self.cls):
            plan = self if base is self.cls else vars(base).get(_PLAN)
            self.defaults |= plan.own_defaults if plan else own_defaults(base, self.names)
            self.scratch |= plan.own_scratch if plan else own_scratch(base)

    def _fields(self) -> Iterator[tuple[str, Field]]:
        known = arguments_of(self.cls)
        for base in _bases(self.cls):
            scope = _scope(base)
            for name in own_fields(base):
                raw, where = own_annotations(base)[name], f"{name_of(base)} field {name!r}"
                meaning = scope.meaning(where, raw, own=own_names(base), space=scope.space)
                hint = substitute(meaning, known.get(base, {}))
                shape = shape_of(hint, f"{self.label} field {name!r}", scope.names)
                yield name, Field(name, shape, self.defaults.get(name))


def make_plan(cls: type, scope: Scope) -> None:
    """Read a class that was just made, as far as its names are known.

    Raises:
        SetupError: it is no good actor class.
    """
    plan = ActorPlan(cls, scope)
    setattr(cls, _PLAN, plan)
    try:
        plan.prepare()
    except UnknownNameError:
        return  # some names come later in the module: `plan_of` reads it again


def plan_of(cls: type) -> ActorPlan:
    """The plan of an actor class.

    Raises:
        SetupError: an annotation cannot be resolved, or the class was changed since it was made.
    """
    plan: ActorPlan = vars(cls)[_PLAN]
    if not plan.is_checked:
        if "__dataclass_fields__" in vars(cls):
            raise SetupError(
                f"{plan.label} is an actor already: leave out @dataclass, annotated fields are its state"
            )
        if not plan.is_ready:
            plan.prepare()
        plan.is_checked = True
    return plan


def _bases(cls: type) -> list[type]:
    """The classes that may have fields and handlers: bases first, without `Actor` and what it stands on."""
    root = _root(cls)
    return [base for base in reversed(cls.__mro__) if base not in root.__mro__]


def _root(cls: type) -> type:
    """`Actor` itself."""
    return [base for base in cls.__mro__ if _PLAN in vars(base) or base is cls][-1]


def _scope(base: type) -> Scope:
    plan = vars(base).get(_PLAN)
    return plan.scope if plan else Scope(module_names(base.__module__))


def _owner(cls: type, name: str) -> type:
    return next(base for base in cls.__mro__ if name in vars(base))


def _methods(cls: type) -> Iterator[tuple[str, tuple[type, FunctionType, HandlerOptions]]]:
    """Each handler: the class it stands in, the function, what is said of it or of those it overrides."""
    for name in dict.fromkeys(name for base in _bases(cls) for name in vars(base)):
        found = [base for base in cls.__mro__ if name in vars(base)]
        said = [options for base in found if (options := options_of(vars(base)[name])) is not None]
        if not said:
            continue
        function = check_method(vars(found[0])[name], f"{name_of(found[0])}.{name}")
        check_override(function, [vars(base)[name] for base in found[1:]], f"{name_of(found[0])}.{name}()")
        yield name, (found[0], function, reduce(HandlerOptions.over, said))


def _hooks(cls: type) -> Iterator[tuple[str, HandlerPlan]]:
    for name, is_async in HOOKS.items():
        if cls is _root(cls) or _owner(cls, name) is _root(cls):
            continue
        hook = getattr(cls, name)
        if not inspect.isfunction(hook) or inspect.iscoroutinefunction(hook) is not is_async:
            wanted = f"an `async def {name}`" if is_async else f"a plain `def {name}`"
            raise SetupError(f"{name_of(cls)}.{name} must be {wanted}")
        if options_of(hook) is not None:
            raise SetupError(f"{name_of(cls)}.{name} is a hook, called by the runtime: leave out @handler")
        yield name, plan_hook(name, hook, f"{name_of(cls)}.{name}")


def _check_class(cls: type, names: tuple[str, ...]) -> None:
    label, root = name_of(cls), _root(cls)
    if cls is root:
        return
    for base in cls.__mro__[1:]:
        if "__dataclass_fields__" in vars(base):
            raise SetupError(f"{label} inherits from the dataclass {name_of(base)}: leave out @dataclass")
    if "__slots__" in vars(cls):
        raise SetupError(f"{label} has __slots__: leave them out, the annotated fields are its state")
    if not _is_inherited(cls, "__init__", root):
        remedy = "give fields defaults, derive others in __post_init__, make scratch in on_load"
        raise SetupError(f"{label} has an __init__ of its own, which would not run on a restart: {remedy}")
    if not _is_inherited(cls, "__new__", object):
        raise SetupError(f"{label} has a __new__ of its own: leave it out")
    for name in names:
        if name in vars(root):
            remedy = "annotate it as ClassVar[int]" if name == "version" else "choose another"
            raise SetupError(f"{label} field {name!r}: that name means something to every actor; {remedy}")


def _is_inherited(cls: type, name: str, source: type) -> bool:
    """Say whether a method is that of `source`; protocols put an `__init__` before it that steps aside."""
    owner = _owner(cls, name)
    return getattr(owner, "_is_protocol", False) or vars(owner)[name] is vars(source)[name]
