"""The wakeup of agents."""
from __future__ import annotations

from pathlib import Path

from api.jobs.wakeup.wakeup import LocalWakeup, Wakeups


class Counting:
    def __init__(self) -> None:
        self.rings = 0

    def wake(self) -> None:
        self.rings += 1


def test_a_ring_wakes_who_listens(tmp_path: Path) -> None:
    wakeup = LocalWakeup(tmp_path / "wakeups")
    with wakeup.listen() as listener:
        wakeup.wake()

        assert listener.wait(60)


def test_a_ring_from_before_the_wait_is_heard_once(tmp_path: Path) -> None:
    wakeup = LocalWakeup(tmp_path / "wakeups")
    with wakeup.listen() as listener:
        for _ in range(3):
            LocalWakeup(tmp_path / "wakeups").wake()

        heard = [listener.wait(60), listener.wait(0)]

    assert heard == [True, False]


def test_all_who_listen_hear_it(tmp_path: Path) -> None:
    wakeup = LocalWakeup(tmp_path / "wakeups")
    with wakeup.listen() as one, wakeup.listen() as other:
        wakeup.wake()

        assert (one.wait(60), other.wait(60)) == (True, True)


def test_nobody_need_listen(tmp_path: Path) -> None:
    LocalWakeup(tmp_path / "nothing").wake()

    assert not (tmp_path / "nothing").exists()


def test_a_listener_that_ended_leaves_nothing(tmp_path: Path) -> None:
    wakeup = LocalWakeup(tmp_path)
    with wakeup.listen():
        pass

    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_listener_left_is_tidied_away_by_a_ring(tmp_path: Path) -> None:
    wakeup = LocalWakeup(tmp_path)
    with wakeup.listen():
        (left,) = tmp_path.iterdir()
        left.rename(tmp_path / "left.sock")
    wakeup.wake()

    assert list(tmp_path.iterdir()) == []


def test_a_listener_that_hears_nothing_for_long_holds_nobody_up(tmp_path: Path) -> None:
    wakeup = LocalWakeup(tmp_path)
    with wakeup.listen() as listener:
        for _ in range(2000):
            wakeup.wake()

        assert listener.wait(60)


def test_a_long_path_is_no_hindrance(tmp_path: Path) -> None:
    wakeup = LocalWakeup(tmp_path / ("d" * 120))
    with wakeup.listen() as listener:
        wakeup.wake()

        assert listener.wait(60)


def test_bells_ring_together() -> None:
    one, other = Counting(), Counting()

    Wakeups([one, other]).wake()

    assert (one.rings, other.rings) == (1, 1)
