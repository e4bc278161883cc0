"""A class of actors: its fields, its handlers, and what is said when it is none."""
# ruff: noqa: RUF012, ARG001, ARG002  # mutable defaults are given fresh; handlers here only have signatures

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, Self, TypeVar, assert_type

import pytest

from theater.actor import Actor, handler
from theater.codec import ActorAddress, encode
from theater.errors import SetupError
from theater.plan import ActorPlan, plan_of
from theater.restart import Reason
from theater.state import StateKeeper

if TYPE_CHECKING:
    from fractions import Fraction

T = TypeVar("T")


class TooLittleError(Exception):
    def __init__(self, wanted: int, *, left: int) -> None:
        super().__init__(f"{wanted} wanted, {left} left")
        self.wanted, self.left = wanted, left


class MuchTooLittleError(TooLittleError):
    pass


@dataclass
class Item:
    name: str
    count: int = 1


class Counter(Actor):
    """Adds up."""

    limit: ClassVar[int] = 100
    total: int = 0
    items: list[Item] = []
    _seen: dict[str, int] = {}

    @handler
    async def add(self, amount: int, /, *, times: int = 1) -> int:
        self.total += amount * times
        return self.total

    @handler(raises=(TooLittleError,))
    async def take(self, amount: int, reason: str = "") -> int:
        return self.total - amount

    @handler
    async def keep(self, *items: Item, **counts: int) -> list[Item]:
        return [*items]

    async def helper(self) -> None: ...


class Doubler(Counter):
    factor: int = 2

    async def add(self, amount: int, /, *, times: int = 1) -> int:
        return await super().add(amount * self.factor, times=times)

    @handler
    async def take(self, amount: int, reason: str = "why") -> int:
        return await super().take(amount, reason)


class Box(Actor, Generic[T]):
    value: T
    history: list[T] = []

    @handler
    async def put(self, value: T) -> T:
        self.value = value
        return value


class ItemBox(Box[Item]):
    pass


def world(address: ActorAddress) -> object:
    return address


def handlers_of(cls: type[Actor]) -> set[str]:
    return set(plan_of(cls).handlers)


def live(actor: Actor) -> tuple[Any, StateKeeper]:
    """The runtime's own copy of an actor, and the keeper of its state."""
    plan = plan_of(type(actor))
    copy = plan.new(plan.copy_state(actor, world), world)
    return copy, plan.keeper(copy, world)


# -- fields ----------------------------------------------------------------------------------------------


def test_annotated_fields_are_the_state() -> None:
    assert vars(Counter(total=1)) == {"total": 1, "items": [], "_seen": {}}
    assert plan_of(Counter).copy_state(Counter(total=1), world) == {"total": 1, "items": []}


def test_a_field_is_given_by_name() -> None:
    untyped: Any = Counter
    with pytest.raises(TypeError, match="positional"):
        untyped(1)
    with pytest.raises(TypeError, match=r"Counter\(\) got an unexpected argument 'amount'"):
        untyped(amount=1)
    with pytest.raises(TypeError, match=r"Counter\(\) got an unexpected argument '_seen'"):
        untyped(_seen={})
    with pytest.raises(TypeError, match=r"Counter\(\) got an unexpected argument 'limit'"):
        untyped(limit=1)


def test_a_field_without_a_default_must_be_given() -> None:
    untyped: Any = Box

    with pytest.raises(TypeError, match=r"Box\(\) missing argument 'value'"):
        untyped()


def test_an_abstract_class_makes_no_actor_until_a_subclass_has_what_is_missing() -> None:
    class Shape(Actor):
        @abc.abstractmethod
        def area(self) -> float: ...

    class Square(Shape):
        side: float

        def area(self) -> float:
            return self.side**2

    with pytest.raises(SetupError, match="is abstract: make a subclass that has area"):
        Shape()  # type: ignore[abstract]  # a case

    assert Square(side=3).area() == 9


def test_actors_are_equal_only_to_themselves() -> None:
    one = Counter()

    assert one != Counter()
    assert len({one, Counter(), one}) == 2


def test_a_mutable_default_is_given_fresh_to_each_instance() -> None:
    class Deep(Actor):
        nested: dict[str, list[int]] = {"a": [1]}
        item: Item = Item("a")
        made: list[int] = field(default_factory=lambda: [1])
        plain: int = field(default=3)

    first, second = Deep(), Deep()
    first.nested["a"].append(2)
    first.item.count = 5
    first.made.append(2)

    assert (second.nested, second.item, second.made, second.plain) == ({"a": [1]}, Item("a"), [1], 3)
    assert Deep().nested == {"a": [1]}


def test_mutable_scratch_is_fresh_for_each_instance_too() -> None:
    first, _ = live(Counter())
    second, _ = live(Counter())

    first._seen["a"] = 1

    assert second._seen == {}


def test_subclasses_inherit_fields_and_may_give_other_defaults() -> None:
    class Third(Doubler):
        total = 7
        factor: int = 3

    assert vars(Third()) == {"total": 7, "items": [], "_seen": {}, "factor": 3}
    assert list(plan_of(Third).state.fields) == ["total", "items", "factor"]


def test_a_type_parameter_is_an_untyped_place_until_a_subclass_says_more() -> None:
    with pytest.raises(TypeError, match=r"Box field 'value': Expected a plain value, got `Item`"):
        plan_of(Box).copy_state(Box(value=Item("a")), world)

    assert plan_of(Box).copy_state(Box[int](value=1), world) == {"value": 1, "history": []}
    state = plan_of(ItemBox).copy_state(ItemBox(value=Item("a")), world)
    assert state["value"] == {"name": "a", "count": 1}
    with pytest.raises(TypeError, match=r"ItemBox.put\(\) argument 'value': Expected `Item`, got `int`"):
        plan_of(ItemBox).handlers["put"].carry((1,), {}, world)


def test_post_init_runs_in_the_constructor_but_not_for_copies() -> None:
    class Named(Actor):
        name: str
        made: int = 0

        def __post_init__(self) -> None:
            self.made += 1

    copy, _ = live(Named(name="a"))

    assert copy.made == 1


def test_the_runtime_works_on_its_own_copy() -> None:
    mine = Counter(items=[Item("a")])

    copy, _ = live(mine)
    mine.items.append(Item("b"))
    mine.items[0].count = 9

    assert copy.items == [Item("a")]


def test_a_repr_shows_class_and_fields() -> None:
    assert repr(Counter(total=1)) == "Counter(total=1, items=[])"


# -- what is no actor ------------------------------------------------------------------------------------


def test_an_init_of_its_own_is_a_setup_error_that_says_what_to_do() -> None:
    with pytest.raises(SetupError, match=r"Bad has an __init__ of its own.*__post_init__.*on_load"):

        class Bad(Actor):
            def __init__(self) -> None: ...


def test_an_init_that_a_mixin_brings_is_one_too() -> None:
    class Mixin:
        def __init__(self) -> None: ...

    with pytest.raises(SetupError, match="Bad has an __init__ of its own"):

        class Bad(Mixin, Actor): ...


def test_slots_are_a_setup_error() -> None:
    with pytest.raises(SetupError, match="Bad has __slots__: leave them out"):

        class Bad(Actor):
            __slots__ = ("x",)


def test_a_new_of_its_own_is_a_setup_error() -> None:
    with pytest.raises(SetupError, match="Bad has a __new__ of its own"):

        class Bad(Actor):
            def __new__(cls) -> Self:
                return super().__new__(cls)


def test_dataclass_on_an_actor_is_a_setup_error_when_it_is_used_and_when_it_is_inherited() -> None:
    @dataclass
    class Bad(Actor):
        total: int = 0

    with pytest.raises(SetupError, match="Bad is an actor already: leave out @dataclass"):
        plan_of(Bad)
    with pytest.raises(SetupError, match="inherits from the dataclass Bad"):

        class Worse(Bad): ...


def test_a_field_may_not_hide_what_every_actor_has() -> None:
    with pytest.raises(SetupError, match="Bad field 'context': that name means something"):

        class Bad(Actor):
            context: int = 0  # type: ignore[assignment]


def test_options_of_field_that_mean_nothing_here_are_a_setup_error() -> None:
    with pytest.raises(SetupError, match=r"Bad.total: init=False"):

        class Bad(Actor):
            total: int = field(init=False)

    with pytest.raises(SetupError, match=r"Worse.total: fields of an actor are given by name"):

        class Worse(Actor):
            total: int = field(kw_only=False)


def test_a_marker_without_a_default_leaves_a_field_that_must_be_given() -> None:
    class Needs(Actor):
        total: int = field()
        _scratch: int = field(init=False)
        _count: int = field(default=1, init=False)

    with pytest.raises(TypeError, match="missing argument 'total'"):
        Needs()  # type: ignore[call-arg]

    assert vars(Needs(total=1)) == {"total": 1, "_count": 1}


def test_a_field_that_cannot_be_carried_is_a_setup_error_when_the_class_is_made() -> None:
    with pytest.raises(
        SetupError, match=r"Bad field 'call': values of .* cannot be carried: use plain values"
    ):

        class Bad(Actor):
            call: Callable[[], int]


def test_the_context_is_there_only_while_the_runtime_calls() -> None:
    with pytest.raises(SetupError, match="Counter has a context only in its handlers and hooks"):
        _ = Counter().context


# -- handlers --------------------------------------------------------------------------------------------


def test_a_handler_is_the_very_function() -> None:
    async def add(self: object, amount: int) -> int:
        return amount

    assert handler(add) is add
    assert handler(raises=(ValueError,))(add) is add


async def typed(counter: Counter, box: Box[str]) -> None:
    """Never run: type checkers see handlers as they were written."""
    assert_type(await counter.add(1, times=2), int)
    assert_type(await counter.take(1), int)
    assert_type(await box.put("a"), str)
    Counter(total="a")  # type: ignore[arg-type]
    Counter(1)  # type: ignore[call-arg]
    await counter.add("a")  # type: ignore[arg-type]
    Box(history=[])  # type: ignore[call-arg]


def test_only_handlers_can_be_called_from_outside() -> None:
    assert handlers_of(Counter) == {"add", "take", "keep"}


def test_an_override_of_a_handler_is_a_handler_and_inherits_its_options() -> None:
    handlers = plan_of(Doubler).handlers

    assert set(handlers) == {"add", "take", "keep"}
    assert handlers["add"].call is Doubler.add
    assert handlers["take"].raises == (TooLittleError,)


def test_an_override_may_declare_other_errors() -> None:
    class Strict(Counter):
        @handler(raises=())
        async def take(self, amount: int, reason: str = "") -> int:
            return amount

    assert plan_of(Strict).handlers["take"].raises == ()


def test_a_handler_of_a_mixin_or_a_protocol_is_a_handler() -> None:
    class Adds(Protocol):
        @handler
        async def add(self, amount: int) -> int: ...

    class Mixin:
        @handler
        async def ping(self) -> str:
            return "pong"

    class Both(Adds, Mixin, Actor):
        total: int = 0

        async def add(self, amount: int) -> int:
            return amount

    class Below(Both): ...

    assert Both(total=1).total == 1
    assert handlers_of(Below) == {"add", "ping"}
    assert Below().total == 0


def test_an_abstract_actor_is_finished_by_a_subclass() -> None:
    class Shape(Actor, abc.ABC):
        @handler
        @abc.abstractmethod
        async def area(self) -> float: ...

    class Square(Shape):
        side: float

        async def area(self) -> float:
            return self.side**2

    assert handlers_of(Square) == {"area"}
    assert live(Square(side=2.0))[0].side == 2.0
    with pytest.raises(TypeError, match="abstract"):
        plan_of(Shape).new({}, world)


def test_a_method_that_is_not_async_is_no_handler() -> None:
    with pytest.raises(SetupError, match=r"Bad.add\(\) is not async: write `async def add"):

        class Bad(Actor):
            @handler  # type: ignore[type-var]
            def add(self) -> None: ...


def test_static_and_class_methods_are_no_handlers() -> None:
    untyped: Callable[[Any], Any] = handler

    with pytest.raises(SetupError, match=r"Bad.add\(\) is a static method"):

        class Bad(Actor):
            @untyped
            @staticmethod
            async def add() -> None: ...

    with pytest.raises(SetupError, match=r"Bad.add\(\) is a class method"):

        class Bad2(Actor):
            __qualname__ = "Bad"

            @classmethod
            @untyped
            async def add(cls) -> None: ...


@pytest.mark.parametrize("thing", [property(lambda self: self), 5])
def test_what_is_no_function_is_no_handler(thing: Any) -> None:
    untyped: Any = handler

    with pytest.raises(SetupError, match="@handler takes an async method"):
        untyped(thing)


def test_a_class_is_no_handler_and_a_handler_is_not_overridden_by_a_value() -> None:
    untyped: Any = handler

    with pytest.raises(SetupError, match=r"Bad.Inner is not a function"):

        class Bad(Actor):
            @untyped
            class Inner: ...

    with pytest.raises(SetupError, match=r"Worse.add is not a function"):

        class Worse(Counter):
            add = None  # type: ignore[assignment]


def test_a_handler_without_self_is_a_setup_error() -> None:
    with pytest.raises(SetupError, match=r"Bad.add\(\) has no `self`"):

        class Bad(Actor):
            @handler
            async def add() -> None:  # type: ignore[misc]
                ...


@pytest.mark.parametrize("raises", [ValueError, (1,), (BaseException,), [ValueError]])
def test_only_exception_classes_can_be_declared(raises: Any) -> None:
    with pytest.raises(SetupError, match="raises= takes a tuple of exception classes"):
        handler(raises=raises)


def test_a_parameter_that_cannot_be_carried_is_a_setup_error_naming_handler_and_parameter() -> None:
    @dataclass
    class Other:
        x: int

    with pytest.raises(
        SetupError, match=r"Bad.add\(\) parameter 'item': a union of `Item` and `Other`.*tag=True"
    ):

        class Bad(Actor):
            @handler
            async def add(self, item: Item | Other) -> None: ...

    with pytest.raises(
        SetupError, match=r"Bad.ask\(\) answer: values of `Counter` cannot be carried.*ActorRef"
    ):

        class Bad2(Actor):
            __qualname__ = "Bad"

            @handler
            async def ask(self) -> Counter:
                return Counter()


# -- hooks -----------------------------------------------------------------------------------------------


def test_only_hooks_that_a_class_overrides_are_called() -> None:
    class Hooked(Actor):
        def on_load(self) -> None: ...
        async def on_stop(self, reason: Reason) -> None: ...

    class Below(Hooked): ...

    assert set(plan_of(Counter).hooks) == set()
    assert set(plan_of(Below).hooks) == {"on_load", "on_stop"}


async def test_hooks_that_are_not_overridden_do_nothing() -> None:
    counter: Any = Counter()

    await counter.on_start()
    counter.on_load()
    await counter.on_stop(Reason.NORMAL)
    await counter.on_child_failed(None, ValueError())
    await counter.on_child_stopped(None, Reason.KILLED)

    assert counter.total == 0


def test_a_hook_is_async_or_plain_as_the_runtime_calls_it() -> None:
    with pytest.raises(SetupError, match=r"Bad.on_start must be an `async def on_start`"):

        class Bad(Actor):
            def on_start(self) -> None: ...  # type: ignore[override]

    with pytest.raises(SetupError, match=r"Worse.on_load must be a plain `def on_load`"):

        class Worse(Actor):
            async def on_load(self) -> None: ...  # type: ignore[override]


def test_a_hook_is_no_handler() -> None:
    with pytest.raises(SetupError, match=r"Bad.on_start is a hook"):

        class Bad(Actor):
            @handler
            async def on_start(self) -> None: ...


# -- names in annotations --------------------------------------------------------------------------------


def test_annotations_see_the_module_the_class_itself_and_the_locals_around_it() -> None:
    @dataclass
    class Local:
        item: Item

    class Outer:
        @dataclass
        class Beside:
            x: int

        class Sees(Actor):
            @dataclass
            class Inside:
                x: int

            one: Inside
            two: Local
            three: Beside  # type: ignore[name-defined]  # noqa: F821  # of the class around this one
            four: list[Item]

            @handler
            async def same(self, other: Inside) -> Local:
                return self.two

    sees: Any = Outer.Sees

    actor = sees(one=sees.Inside(1), two=Local(Item("a")), three=Outer.Beside(2), four=[])

    assert live(actor)[0].two == Local(Item("a"))


def test_a_name_that_comes_later_is_found_at_the_first_use() -> None:
    class Early(Actor):
        late: list[Late] = []

        @handler
        async def add(self, late: Late) -> None: ...

    @dataclass
    class Late:
        x: int

    arrived, *_ = plan_of(Early).handlers["add"].carry((Late(1),), {}, world)

    assert arrived == (Late(1),)

    class Below(Early): ...

    assert plan_of(Below).handlers["add"].carry((Late(1),), {}, world)[0] == (Late(1),)


def test_a_name_in_a_record_that_comes_later_is_found_at_the_first_use() -> None:
    @dataclass
    class Outer:
        kind: ClassVar[str] = "outer"
        inner: Inner

    class Early(Actor):
        @handler
        async def add(self, outer: list[Outer], inner: Outer) -> None: ...

    @dataclass
    class Inner:
        x: Innermost

    @dataclass
    class Innermost:
        y: int

    outer = Outer(Inner(Innermost(1)))

    assert plan_of(Early).handlers["add"].carry(([outer], outer), {}, world)[0] == ([outer], outer)


def test_a_name_that_nothing_has_is_a_setup_error_that_says_so() -> None:
    class Bad(Actor):
        @handler
        async def add(self, amount: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(
        SetupError, match=r"Bad.add\(\) parameter 'amount': the name 'Nowhere' in its annotation"
    ):
        plan_of(Bad)
    with pytest.raises(SetupError, match="'Nowhere'"):
        Bad()


def test_a_name_for_type_checkers_only_is_a_setup_error_with_a_remedy() -> None:
    class Bad(Actor):
        part: Fraction

    with pytest.raises(
        SetupError, match=r"'Fraction' in its annotation is not known: .*not only under TYPE_CHECKING"
    ):
        plan_of(Bad)


def test_an_annotation_that_is_no_type_is_a_setup_error() -> None:
    with pytest.raises(SetupError, match=r"Bad field 'x': 'Item.nothing' is not a type"):

        class Bad(Actor):
            x: Item.nothing  # type: ignore[name-defined]


def test_a_handler_may_be_called_like_a_type() -> None:
    class Lists(Actor):
        numbers: list[int] = []

        @handler
        async def list(self) -> list[int]:
            return self.numbers

    assert plan_of(Lists).handlers["list"].carry_answer([1], world)[0] == [1]


# -- arguments and answers -------------------------------------------------------------------------------


def carry(handler_name: str, *args: Any, cls: type[Actor] = Counter, **kwargs: Any) -> Any:
    return plan_of(cls).handlers[handler_name].carry(args, kwargs, world)


def test_plain_scalars_pass_as_they_are_and_defaults_are_not_sent() -> None:
    args, kwargs, plain_args, plain_kwargs = carry("add", 5)

    assert (args, kwargs, plain_args, plain_kwargs) == ((5,), {}, [5], {})


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "text"),
    [
        ("add", (), {}, r"Counter.add\(\) missing argument 'amount'"),
        ("add", (), {"amount": 1}, r"Counter.add\(\) got an unexpected argument 'amount'"),
        ("add", (1, 2), {}, r"Counter.add\(\) takes 1 argument by position, but 2 came"),
        ("add", (1,), {"x": 1}, r"Counter.add\(\) got an unexpected argument 'x'"),
        ("add", ("a",), {}, r"Counter.add\(\) argument 'amount': Expected `int`, got `str`"),
        ("add", (1,), {"times": "a"}, r"Counter.add\(\) argument 'times': Expected `int`, got `str`"),
        ("add", (2**70,), {}, r"Counter.add\(\) argument 'amount': Expected an `int` from"),
        ("take", (1,), {"amount": 2}, r"Counter.take\(\) got several values for argument 'amount'"),
        ("take", (1, "\ud800"), {}, r"Counter.take\(\) argument 'reason': .*lone surrogate"),
        ("take", (), {"reason": "a"}, r"Counter.take\(\) missing argument 'amount'"),
        ("keep", (Item("a"), 5), {}, r"Counter.keep\(\) argument '\*1': Expected `Item`, got `int`"),
        ("keep", (), {"a": "b"}, r"Counter.keep\(\) argument 'a': Expected `int`, got `str`"),
    ],
)
def test_wrong_arguments_are_refused_at_the_sender(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], text: str
) -> None:
    with pytest.raises(TypeError, match=text):
        carry(name, *args, **kwargs)


def test_a_parameter_that_has_only_a_name_must_be_given() -> None:
    class Strict(Actor):
        @handler
        async def add(self, *, amount: int) -> None: ...

    assert carry("add", cls=Strict, amount=1)[1] == {"amount": 1}
    with pytest.raises(TypeError, match=r"Strict.add\(\) missing argument 'amount'"):
        carry("add", cls=Strict)


def test_any_number_of_arguments_is_carried_by_one_type() -> None:
    args, kwargs, plain_args, plain_kwargs = carry("keep", Item("a"), Item("b"), x=1, y=2)

    assert args == (Item("a"), Item("b"))
    assert kwargs == plain_kwargs == {"x": 1, "y": 2}
    assert plain_args == [{"name": "a", "count": 1}, {"name": "b", "count": 1}]


def test_arguments_come_back_from_the_record() -> None:
    plan = plan_of(Counter).handlers["keep"]
    _, _, args, kwargs = plan.carry((Item("a"),), {"x": 1}, world)

    assert plan.restore(args, kwargs, world) == ((Item("a"),), {"x": 1})
    with pytest.raises(TypeError, match=r"argument '\*0'"):
        plan.restore([{"name": 1}], {}, world)
    with pytest.raises(TypeError, match="missing argument"):
        plan_of(Counter).handlers["add"].restore([], {}, world)


def test_arguments_that_can_change_are_copied() -> None:
    item = Item("a")

    args, _, plain, _ = carry("keep", item)
    item.count = 5
    args[0].name = "b"

    assert args == (Item("b"),)
    assert plain == [{"name": "a", "count": 1}]


def test_an_answer_is_carried_by_what_the_handler_says_it_returns() -> None:
    plan = plan_of(Counter).handlers["keep"]

    arrived, plain = plan.carry_answer([Item("a")], world)

    assert arrived == [Item("a")]
    assert plan.restore_answer(plain, world) == arrived
    assert plan_of(Counter).handlers["add"].carry_answer(5, world) == (5, 5)
    with pytest.raises(TypeError, match=r"the answer of Counter.keep\(\): Expected `list`, got `int`"):
        plan.carry_answer(1, world)
    with pytest.raises(TypeError, match=r"the answer of Counter.keep\(\): Expected `list`, got `int`"):
        plan.restore_answer(1, world)


# -- declared errors -------------------------------------------------------------------------------------


def through_the_record(error: Exception, **options: Any) -> Exception:
    plan = plan_of(Counter).handlers["take"]
    return plan.restore_error(plan.pack_error(error, world), world, **options)


def test_a_declared_error_arrives_with_its_text_and_attributes_and_without_its_init() -> None:
    error: Any = through_the_record(TooLittleError(5, left=1))

    assert type(error) is TooLittleError
    assert (str(error), error.wanted, error.left) == ("5 wanted, 1 left", 5, 1)


def test_an_imported_subclass_of_a_declared_error_arrives_as_itself() -> None:
    assert type(through_the_record(MuchTooLittleError(5, left=1))) is MuchTooLittleError


def test_an_unknown_subclass_arrives_as_the_nearest_declared_base() -> None:
    plan = plan_of(Counter).handlers["take"]
    body = plan.pack_error(MuchTooLittleError(5, left=1), world)

    error = plan.restore_error(body | {"class": "GoneError"}, world)

    assert type(error) is TooLittleError
    assert body["base"] == "TooLittleError"
    assert str(error) == "5 wanted, 1 left"


def test_of_two_subclasses_with_one_name_the_live_error_keeps_its_own() -> None:
    def make() -> type[TooLittleError]:
        class SameError(TooLittleError): ...

        return SameError

    first, second = make(), make()

    assert type(through_the_record(first(1, left=0), kind=first)) is first
    assert type(through_the_record(first(1, left=0))) is second


def test_attributes_that_do_not_pack_stay_behind() -> None:
    error: Any = TooLittleError(5, left=1)
    error.connection = object()
    error.args = (object(),)

    arrived: Any = through_the_record(error)

    assert not hasattr(arrived, "connection")
    assert arrived.wanted == 5
    assert encode(plan_of(Counter).handlers["take"].pack_error(error, world))


def test_an_error_made_in_c_arrives_with_what_its_arguments_say() -> None:
    class Files(Actor):
        @handler(raises=(OSError, KeyError))
        async def read(self) -> None: ...

    plan = plan_of(Files).handlers["read"]

    for error in (FileNotFoundError(2, "gone"), KeyError("k"), OSError("odd \ud800")):
        arrived = plan.restore_error(plan.pack_error(error, world), world)
        assert type(arrived) is type(error)
        assert str(arrived).isprintable()
    assert arrived.args == ("odd \\ud800",)


# -- state -----------------------------------------------------------------------------------------------


def test_an_untouched_state_is_unchanged() -> None:
    actor, keeper = live(Counter(items=[Item("a")]))
    actor._seen["x"] = 1

    assert not keeper.changed(actor)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (1, 2),
        (1, 1.0),
        (1, True),
        (0.0, -0.0),
        ("a", "b"),
        ([1], [1, 2]),
        ([1], (1,)),
        ({"a": 1}, {"a": 2}),
        (None, []),
    ],
)
def test_a_change_of_value_or_type_is_seen_once(before: Any, after: Any) -> None:
    actor, keeper = live(Box(value=before))

    actor.value = after

    assert keeper.changed(actor)
    assert not keeper.changed(actor)
    assert keeper.plain()["value"] == after
    assert type(keeper.plain()["value"]) is type(after)


def test_a_change_inside_a_value_is_seen() -> None:
    actor, keeper = live(Counter(items=[Item("a")]))

    actor.items[0].count = 2

    assert keeper.changed(actor)
    assert keeper.plain() == {"total": 0, "items": [{"name": "a", "count": 2}]}


def test_an_equal_value_is_no_change() -> None:
    actor, keeper = live(Counter(total=1000, items=[Item("a")]))
    actor.total = int("1000")
    actor.items = [Item("a")]

    assert not keeper.changed(actor)

    small, keeper = live(Doubler(total=1000))
    small.total = int("1000")
    assert not keeper.changed(small)


def test_a_state_of_scalars_is_followed_change_by_change() -> None:
    class Plain(Actor):
        total: int = 0
        ratio: float = 0.5
        name: str = ""

    actor, keeper = live(Plain())
    assert not keeper.changed(actor)

    actor.total, actor.name = 1000, "ünï"
    assert keeper.changed(actor)
    actor.total = int("1000")
    assert not keeper.changed(actor)
    actor.ratio = 2
    assert keeper.changed(actor)
    assert keeper.small(100) == {"total": 1000, "ratio": 2, "name": "ünï"}
    actor.total, actor.name = 5, "\ud800"
    with pytest.raises(TypeError, match=r"Plain field 'name': .*lone surrogate"):
        keeper.changed(actor)
    keeper.restore_into(actor)
    assert vars(actor) == {"total": 1000, "ratio": 2, "name": "ünï"}


def test_the_last_good_state_comes_back_after_a_failure() -> None:
    actor, keeper = live(Counter(total=1, items=[Item("a")]))
    actor.total = 2
    assert keeper.changed(actor)

    actor.total = 3
    actor.items.append(Item("b"))
    actor.extra = 1
    keeper.restore_into(actor)

    assert vars(actor) == {"total": 2, "items": [Item("a")], "_seen": {}}
    assert keeper.plain() == {"total": 2, "items": [{"name": "a", "count": 1}]}


def test_the_plain_state_is_not_changed_by_what_the_actor_does_next() -> None:
    actor, keeper = live(Box(value=[1]))
    plain = keeper.plain()

    actor.value.append(2)

    assert plain == {"value": [1], "history": []}


@pytest.mark.parametrize("fields", [{"total": "a"}, {"total": 2**64}, {"items": [1]}, {"items": [Item(1)]}])  # type: ignore[arg-type]
def test_a_field_that_cannot_be_packed_is_refused_by_name_and_nothing_is_taken(
    fields: dict[str, Any],
) -> None:
    actor, keeper = live(Counter(total=1))
    vars(actor).update(fields)

    with pytest.raises(TypeError, match=f"Counter field '{next(iter(fields))}': Expected"):
        keeper.changed(actor)

    assert keeper.plain() == {"total": 1, "items": []}


def test_a_value_in_an_untyped_field_that_becomes_no_plain_value_is_refused() -> None:
    actor, keeper = live(Box(value=[1]))
    actor.value.append(object())

    with pytest.raises(TypeError, match=r"Box field 'value': Expected a plain value, got `object`.*\[1\]"):
        keeper.changed(actor)


def test_an_attribute_that_is_no_field_is_refused_by_name() -> None:
    actor, keeper = live(Counter())
    actor.extra = 1

    with pytest.raises(TypeError, match=r"Counter has an attribute 'extra' that is no field: .*`_extra`"):
        keeper.changed(actor)

    mine: Any = Counter()
    mine.extra = 1
    with pytest.raises(TypeError, match="'extra'"):
        plan_of(Counter).copy_state(mine, world)


def test_a_name_that_begins_with_an_underscore_is_scratch() -> None:
    actor, keeper = live(Counter())
    actor._anything = object()
    actor._seen = object()

    assert not keeper.changed(actor)


def test_a_lost_field_is_refused_by_name() -> None:
    actor, keeper = live(Doubler())
    del actor.total
    with pytest.raises(TypeError, match="Doubler has lost its field 'total'"):
        keeper.changed(actor)

    class Plain(Actor):
        total: int = 0

    plain, keeper = live(Plain())
    del plain.total
    plain._scratch = 1  # as many attributes as before
    with pytest.raises(TypeError, match="Plain has lost its field 'total'"):
        keeper.changed(plain)


def test_a_record_without_a_field_gives_it_its_default_and_an_unknown_field_is_refused() -> None:
    plan: ActorPlan = plan_of(Doubler)

    assert plan.new({"total": 1}, world).factor == 2
    with pytest.raises(TypeError, match="the recorded state has a field 'gone', which Doubler has not"):
        plan.new({"gone": 1}, world)
    with pytest.raises(TypeError, match="the recorded state lacks the field 'value' of Box"):
        plan_of(Box).restore_state({}, world)
    with pytest.raises(TypeError, match="Doubler field 'total' in the record: Expected `int`, got `str`"):
        plan.restore_state({"total": "a"}, world)


@pytest.mark.parametrize(
    ("value", "is_small"),
    [
        (1, True),
        ("a" * 100, True),
        ("a" * 4000, True),
        ("a" * 4090, False),
        ([1] * 4000, True),
        ([1] * 5000, False),
    ],
)
def test_a_small_state_is_one_that_packs_to_at_most_the_limit(value: Any, *, is_small: bool) -> None:
    _, keeper = live(Box(value=value))

    state = keeper.small(4096)

    assert (state is not None) is is_small
    assert (len(encode(keeper.plain())) <= 4096) is is_small


def test_values_that_never_change_are_kept_as_they_are() -> None:
    @dataclass(frozen=True)
    class Fixed:
        x: int

    class Keeps(Actor):
        address: Any = None
        fixed: Fixed = Fixed(1)
        pair: tuple[int, str] = (1, "a")

    actor, keeper = live(Keeps(address=dataclasses.replace(ActorAddress(b"a" * 16))))
    assert not keeper.changed(actor)

    actor.pair = (2, "b")

    assert keeper.changed(actor)
    assert keeper.small(4096) == keeper.plain()
    assert keeper.small(20) is None
    keeper.restore_into(actor)
    assert actor.pair == (2, "b")
    actor.pair = (1, "a", 3)
    with pytest.raises(TypeError, match="Keeps field 'pair'"):
        keeper.changed(actor)


# -- the record ------------------------------------------------------------------------------------------


def test_a_class_is_named_by_module_and_qualified_name() -> None:
    assert plan_of(Counter).class_name == "test_actor_class:Counter"


def test_the_source_digest_is_of_the_classs_own_source() -> None:
    space: dict[str, Any] = {"Actor": Actor}
    exec("class Typed(Actor): ...", space)  # as in a shell: without a file

    digest = plan_of(Counter).source_digest

    assert digest is not None
    assert len(digest) == 32
    assert digest != plan_of(Doubler).source_digest
    assert plan_of(space["Typed"]).source_digest is None


def test_a_class_that_a_program_makes_is_an_actor_class() -> None:
    made: Any = type("Made", (Actor,), {"__annotations__": {"x": int}, "__module__": "nowhere"})

    assert plan_of(made).copy_state(made(x=1), world) == {"x": 1}
