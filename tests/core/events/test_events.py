"""Event targets and abort signals: the rules of the DOM standard §2 and §3."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest
from tests.support.recording import Boom, turns

from socketworkers import AbortController, Aborted, AbortSignal, Event, EventTarget, StateError
from socketworkers.testing import FakeClock


@pytest.fixture
def reported() -> list[dict[str, Any]]:
    """What reached the loop's exception handler."""
    return []


def report_to(contexts: list[dict[str, Any]]) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: contexts.append(context))


# -- targets -------------------------------------------------------------------------------------------------------


async def test_listeners_run_in_the_order_they_were_added() -> None:
    target = EventTarget()
    calls: list[Any] = []
    for name in "abc":
        target.add_event_listener("x", lambda event, name=name: calls.append(name))  # type: ignore[misc]
    target.add_event_listener("y", lambda event: calls.append("y"))
    assert target.dispatch_event(Event("x"))
    assert calls == ["a", "b", "c"]


async def test_the_same_listener_is_added_once_per_type() -> None:
    target = EventTarget()
    calls: list[Any] = []

    def listener(event: Event) -> None:
        calls.append(event.type)

    for type in ("x", "x", "y"):
        target.add_event_listener(type, listener)
    target.dispatch_event(Event("x"))
    target.dispatch_event(Event("y"))
    assert calls == ["x", "y"]


async def test_remove() -> None:
    target = EventTarget()
    calls: list[Any] = []
    target.add_event_listener("x", calls.append)
    target.remove_event_listener("x", calls.append)
    target.remove_event_listener("x", calls.append)
    target.remove_event_listener("other", None)
    assert not target.has_event_listener("x")
    target.dispatch_event(Event("x"))
    assert calls == []


async def test_once_is_gone_before_its_call() -> None:
    target = EventTarget()
    calls: list[Any] = []

    def listener(event: Event) -> None:
        calls.append(event)
        assert not target.has_event_listener("x")
        target.dispatch_event(Event("x"))

    target.add_event_listener("x", listener, once=True)
    target.dispatch_event(Event("x"))
    assert len(calls) == 1


async def test_none_adds_nothing() -> None:
    target = EventTarget()
    target.add_event_listener("x", None)
    assert not target.has_event_listener("x")


async def test_a_signal_takes_the_listener_away() -> None:
    target, controller = EventTarget(), AbortController()
    calls: list[Any] = []
    target.add_event_listener("x", calls.append, signal=controller.signal)
    target.dispatch_event(Event("x"))
    controller.abort()
    target.dispatch_event(Event("x"))
    assert len(calls) == 1
    target.add_event_listener("x", calls.append, signal=controller.signal)
    assert not target.has_event_listener("x")


async def test_listeners_added_during_a_dispatch_wait_and_removed_ones_are_skipped() -> None:
    target = EventTarget()
    calls: list[Any] = []

    def first(event: Event) -> None:
        calls.append("first")
        target.add_event_listener("x", late)
        target.remove_event_listener("x", second)

    def second(event: Event) -> None:
        calls.append("second")

    def late(event: Event) -> None:
        calls.append("late")

    target.add_event_listener("x", first)
    target.add_event_listener("x", second)
    target.dispatch_event(Event("x"))
    assert calls == ["first"]


async def test_prevent_default() -> None:
    target = EventTarget()
    target.add_event_listener("x", lambda event: event.prevent_default())
    event = Event("x", cancelable=True)
    assert not target.dispatch_event(event)
    assert event.default_prevented
    assert target.dispatch_event(Event("x"))


async def test_stop_immediate_propagation() -> None:
    target = EventTarget()
    calls: list[Any] = []
    target.add_event_listener("x", lambda event: event.stop_immediate_propagation())
    target.add_event_listener("x", calls.append)
    target.dispatch_event(Event("x"))
    assert calls == []


async def test_the_event_knows_where_it_is() -> None:
    target = EventTarget()
    seen: list[Any] = []
    target.add_event_listener("x", lambda event: seen.append((event.target, event.current_target)))
    event = Event("x", detail=3)
    target.dispatch_event(event)
    assert seen == [(target, target)]
    assert event.target is target
    assert event.current_target is None
    assert event.detail == 3
    assert event.time_stamp > 0


async def test_an_event_is_dispatched_once_at_a_time() -> None:
    target = EventTarget()

    def listener(event: Event) -> None:
        with pytest.raises(StateError):
            target.dispatch_event(event)

    target.add_event_listener("x", listener)
    event = Event("x")
    target.dispatch_event(event)
    target.dispatch_event(event)  # again is fine


async def test_handle_event_and_coroutines() -> None:
    class Listener:
        calls = 0

        def handle_event(self, event: Event) -> None:
            self.calls += 1

    listener = Listener()
    done: list[Any] = []

    async def later(event: Event) -> None:
        await asyncio.sleep(0)
        done.append(event)

    target = EventTarget()
    target.add_event_listener("x", listener)  # type: ignore[arg-type]
    target.add_event_listener("x", later)
    target.dispatch_event(Event("x"))
    assert listener.calls == 1
    await turns()
    assert len(done) == 1


async def test_an_exception_is_reported_and_stops_nobody(reported: list[dict[str, Any]]) -> None:
    report_to(reported)
    target = EventTarget()
    calls: list[Any] = []
    boom = Boom()

    def fail(event: Event) -> None:
        raise boom

    async def fail_later(event: Event) -> None:
        raise boom

    target.add_event_listener("x", fail)
    target.add_event_listener("x", fail_later)
    target.add_event_listener("x", calls.append)
    target.dispatch_event(Event("x"))
    await turns()
    assert len(calls) == 1
    assert [context["exception"] for context in reported] == [boom, boom]


# -- signals -------------------------------------------------------------------------------------------------------


async def test_abort_happens_once() -> None:
    controller = AbortController()
    calls: list[Any] = []
    signal = controller.signal
    signal.add_event_listener("abort", lambda event: calls.append("listener"))
    signal.on_abort = lambda event: calls.append("on_abort")
    signal.follow(lambda: calls.append("algorithm"))
    assert not signal.aborted
    assert signal.reason is None
    signal.throw_if_aborted()
    controller.abort(boom := Boom())
    controller.abort(Boom())
    assert calls == ["algorithm", "on_abort", "listener"]
    assert signal.aborted
    assert signal.reason is boom
    with pytest.raises(Boom):
        signal.throw_if_aborted()
    await signal.wait()


async def test_reasons_that_are_no_exceptions_are_wrapped() -> None:
    controller = AbortController()
    controller.abort("a word")
    assert isinstance(controller.signal.reason, Aborted)
    assert controller.signal.reason.reason == "a word"
    assert isinstance(AbortSignal.abort().reason, Aborted)


async def test_many_wait() -> None:
    controller = AbortController()
    waiters = [asyncio.ensure_future(controller.signal.wait()) for _ in range(3)]
    await turns()
    assert not any(task.done() for task in waiters)
    controller.abort()
    await asyncio.gather(*waiters)


async def test_follow_can_be_taken_back() -> None:
    controller = AbortController()
    calls: list[Any] = []
    controller.signal.follow(lambda: calls.append(1))()
    controller.signal.follow(lambda: calls.append(2))
    controller.abort()
    assert calls == [2]
    controller.signal.follow(lambda: calls.append(3))  # at once
    assert calls == [2, 3]


async def test_two_that_follow_with_the_same_function() -> None:
    controller = AbortController()
    calls: list[Any] = []

    def algorithm() -> None:
        calls.append(1)

    controller.signal.follow(algorithm)
    take_back = controller.signal.follow(algorithm)
    take_back()
    controller.abort()
    assert calls == [1]


async def test_an_algorithm_that_fails_stops_nobody(reported: list[dict[str, Any]]) -> None:
    report_to(reported)
    controller = AbortController()
    calls: list[Any] = []

    def fail() -> None:
        raise Boom

    controller.signal.follow(fail)
    controller.signal.follow(lambda: calls.append("algorithm"))
    controller.signal.add_event_listener("abort", lambda event: calls.append("listener"))
    controller.abort()
    assert calls == ["algorithm", "listener"]
    assert len(reported) == 1


async def test_timeout() -> None:
    with FakeClock() as clock:
        signal = AbortSignal.timeout(10)
        await clock.advance(9.9)
        assert not signal.aborted
        await clock.advance(0.2)
        assert isinstance(signal.reason, TimeoutError)


async def test_a_timeout_that_nobody_holds_leaves_no_timer() -> None:
    with FakeClock() as clock:
        signal = AbortSignal.timeout(10)
        reference = weakref.ref(signal)
        del signal
        gc.collect()
        assert reference() is None
        await clock.advance(11)


async def test_any_takes_the_first_reason() -> None:
    one, other = AbortController(), AbortController()
    signal = AbortSignal.any([one.signal, other.signal])
    assert not signal.aborted
    other.abort(boom := Boom())
    one.abort(Boom())
    assert signal.reason is boom
    assert AbortSignal.any([one.signal, AbortSignal()]).reason is one.signal.reason
    assert not AbortSignal.any([]).aborted


async def test_any_of_any() -> None:
    controller = AbortController()
    inner = AbortSignal.any([controller.signal])
    outer = AbortSignal.any([inner, AbortSignal()])
    order: list[str] = []
    for name, signal in (("outer", outer), ("inner", inner), ("source", controller.signal)):
        signal.add_event_listener("abort", lambda event, name=name: order.append(name))  # type: ignore[misc]
    controller.abort(boom := Boom())
    assert outer.reason is inner.reason is boom
    assert order[0] == "source"
    assert sorted(order) == ["inner", "outer", "source"]


async def test_dependents_are_aborted_before_any_event_is_fired() -> None:
    controller = AbortController()
    dependent = AbortSignal.any([controller.signal])
    seen: list[bool] = []
    controller.signal.add_event_listener("abort", lambda event: seen.append(dependent.aborted))
    controller.abort()
    assert seen == [True]


async def test_a_dependent_with_a_listener_lives_as_long_as_its_source() -> None:
    """DOM §3.2.2: a dependent signal that somebody listens to must not be collected."""
    controller = AbortController()
    calls: list[Any] = []
    AbortSignal.any([controller.signal]).add_event_listener("abort", lambda event: calls.append(1))
    gc.collect()
    controller.abort()
    assert calls == [1]


async def test_dependents_that_nobody_needs_are_collected() -> None:
    controller = AbortController()
    for _ in range(100):
        AbortSignal.any([controller.signal])
    gc.collect()
    assert len(controller.signal._dependents or ()) == 0


async def test_a_dependent_that_is_not_needed_any_more_is_collected() -> None:
    """One per operation on a source that lives for ever must not pile up."""
    controller = AbortController()
    for _ in range(100):
        dependent = AbortSignal.any([controller.signal])
        unfollow = dependent.follow(lambda: None)
        dependent.add_event_listener("abort", print)
        unfollow()
        dependent.remove_event_listener("abort", print)
        del dependent, unfollow
    gc.collect()
    assert not controller.signal._needed
    assert len(controller.signal._dependents or ()) == 0
