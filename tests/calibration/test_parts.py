import threading

import jax
import jax.numpy as jnp
import pytest

from tilth.calibration.parts import on_devices

DEVICES = len(jax.local_devices())


def test_parts_work_side_by_side_on_devices_of_their_own():
    together = threading.Barrier(DEVICES, timeout=60)

    def part(number, told):
        together.wait()
        return jnp.zeros(1).devices().pop()

    assert len(set(on_devices(part, range(DEVICES)))) == DEVICES
    # The main thread's default device is what it was.
    assert jnp.zeros(1).devices() == {jax.local_devices()[0]}


def test_answers_keep_their_order_and_progress_is_that_of_all():
    heard = []

    def part(number, told):
        for done in (1, 2):
            told(done, 2, f"part {number}")
        return number

    answers = on_devices(part, range(3), lambda done, total, message: heard.append((done, total)))
    assert answers == [0, 1, 2]
    assert heard == [(done, 6) for done in range(1, 7)]


def test_a_part_that_has_ended_counts_as_a_whole(monkeypatch):
    monkeypatch.setattr(jax, "local_devices", lambda: jax.devices()[:1])
    heard = []

    def part(number, told):
        told(1, 2, "one of two, and the rest was there")

    on_devices(part, range(2), lambda done, total, message: heard.append((done, total)))
    assert heard == [(1, 4), (3, 4)]


def test_the_others_end_where_one_fails():
    def part(name, told):
        while name == "goes on":
            told(1, 2, "on and on")
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        on_devices(part, ["goes on", "fails", "goes on"])
