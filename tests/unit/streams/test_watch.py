from __future__ import annotations

from streams.positions import Positions
from streams.supervisor import Restarts
from streams.watch import Progress, Watch


def looks(*looked: tuple[float, int, int]) -> list[str | None]:
    watch = Watch(30)
    return [watch.look({"reading": Progress(done, wanted)}, now) for now, done, wanted in looked]


def test_what_moves_or_has_nothing_to_do_is_well() -> None:
    assert looks((0, 5, 9), (29, 6, 9), (58, 7, 9), (87, 9, 9), (500, 9, 9)) == [None] * 5


def test_what_stands_still_with_work_ahead_is_told() -> None:
    *before, last = looks((0, 5, 5), (100, 5, 9), (129, 5, 9), (130, 5, 12))
    assert before == [None, None, None]
    assert last == "reading has stood at 5 for 30 seconds although there is work up to 12"


def test_a_move_starts_the_patience_anew() -> None:
    assert looks((0, 5, 9), (29, 6, 9), (58, 6, 9)) == [None] * 3


def test_a_partition_that_went_away_is_no_standstill() -> None:
    watch = Watch(30)
    watch.look({"reading 1": Progress(0, 5)}, 0)
    assert watch.look({}, 31) is None
    assert watch.look({"reading 1": Progress(0, 5)}, 62) is None


def test_a_gap_ends_what_may_be_taken_in_and_a_repeat_does_not() -> None:
    positions = Positions()
    positions.begin({0: 5})
    assert positions.following(0, [5, 6, 7]) == 3
    assert positions.following(0, [3, 4, 5, 4, 6]) == 5
    assert positions.following(0, [4, 5, 7, 8]) == 2
    assert positions.following(0, [6, 7]) == 0
    assert positions.due(0) == 5
    positions.took(0, 5)
    assert positions.following(0, [6]) == 1
    positions.took(0, 4)
    assert positions.due(0) == 6


def test_beginning_anew_forgets_other_partitions() -> None:
    positions = Positions()
    positions.begin({0: 5, 1: 9})
    positions.begin({1: 3})
    assert 0 not in positions
    assert 1 in positions
    assert positions.due(1) == 3


def test_restarts_wait_longer_each_time_and_give_up_at_the_fifth_end() -> None:
    restarts = Restarts(max_crashes=5, within_s=60)
    assert [restarts.ended(now) for now in (0, 1, 2, 3)] == [0.25, 0.5, 1.0, 2.0]
    assert restarts.ended(4) is None


def test_ends_that_lie_far_apart_are_forgotten() -> None:
    restarts = Restarts(max_crashes=2, within_s=60)
    assert [restarts.ended(now) for now in (0, 60, 120)] == [0.25, 0.25, 0.25]
    assert restarts.ended(121) is None
