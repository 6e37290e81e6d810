"""How many steps and threads a slice gets, against synthetic clocks."""

import os

import pytest

from tongtou.pace import AIMED_S, LONGEST_S, Pace, usable_cores


def run(pace, step_s, n_slices):
    """Slices under a clock: ``step_s(threads, number of the slice)`` seconds a step."""
    slices = []
    for k in range(n_slices):
        n_steps, threads = pace.next_slice()
        seconds = n_steps * step_s(threads, k)
        pace.record(n_steps, threads, seconds)
        slices.append((n_steps, threads, seconds))
    return slices


def threads_of(slices):
    return [threads for _, threads, _ in slices]


def test_every_slice_has_a_step():
    for step_s in (1e-7, 1e-3, 10.0):
        assert all(n >= 1 for n, _, _ in run(Pace(2), lambda t, k: step_s, 40))  # noqa: B023


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("step_s", [1e-7, 2e-5, 3e-4, 0.01, 0.03])
def test_slices_come_near_what_is_aimed_at_and_never_pass_the_longest(threads, step_s):
    slices = run(Pace(threads), lambda t, k: step_s, 40)
    assert all(seconds <= LONGEST_S for _, _, seconds in slices)
    assert slices[-1][2] >= AIMED_S / 2  # and are not so short that they cost


def test_a_single_step_may_take_longer_than_a_slice():
    assert {n for n, _, _ in run(Pace(1), lambda t, k: 0.5, 5)} == {1}


def test_one_thread_is_all_that_is_tried_when_one_is_all_there_is():
    assert set(threads_of(run(Pace(1), lambda t, k: 1e-5, 50))) == {1}


@pytest.mark.parametrize("most", [2, 4, 64])
def test_several_threads_are_taken_where_they_are_faster(most):
    slices = run(Pace(most), lambda t, k: 1e-4 / (1 if t == 1 else 1.6), 60)
    assert {1, most} == set(threads_of(slices[:10]))  # both were tried
    assert set(threads_of(slices[20:])) == {most}


@pytest.mark.parametrize("ratio", [1.0, 0.98, 1.5, 10.0])
def test_one_thread_is_taken_where_several_are_not_faster(ratio):
    slices = run(Pace(2), lambda t, k: 1e-4 * (ratio if t == 2 else 1), 60)
    assert set(threads_of(slices[20:])) == {1}


def test_the_trial_is_short():
    """Trying the slower way must not cost: 16 slices of about a millisecond."""
    slices = run(Pace(2), lambda t, k: 1e-5 * (10 if t == 2 else 1), 60)
    tried = [one for one in slices if one[1] == 2]
    assert len(tried) <= 8
    assert sum(seconds for _, _, seconds in tried) < 0.15


def test_the_first_slice_of_each_is_not_believed():
    """It is colder: pages and branches are met for the first time."""
    slices = run(Pace(2), lambda t, k: (1e-3 if k < 2 else 1e-4) / t, 40)
    assert set(threads_of(slices[20:])) == {2}


def test_the_run_goes_back_to_one_thread_when_a_core_is_taken():
    slices = run(Pace(2), lambda t, k: 1e-4 / (1 if t == 1 else 1.8 if k < 30 else 0.5), 60)
    assert set(threads_of(slices[20:30])) == {2}
    assert set(threads_of(slices[40:])) == {1}


def test_a_single_disturbance_decides_nothing():
    slices = run(Pace(2), lambda t, k: (1e-4 if t == 1 else 6e-5) * (20 if k == 30 else 1), 60)
    assert set(threads_of(slices[20:])) == {2}


@pytest.mark.parametrize("threads", [1, 2])
def test_a_slice_that_was_too_long_makes_the_next_one_shorter_at_once(threads):
    """The machine becomes five times slower: one slice is too long, none after it."""
    slices = run(Pace(threads), lambda t, k: 1e-4 / t * (5 if k >= 30 else 1), 60)
    too_long = [k for k, (_, _, seconds) in enumerate(slices) if seconds > LONGEST_S]
    assert too_long == [30]


def test_the_last_choice_is_known():
    pace = Pace(2)
    assert pace.last == 1
    run(pace, lambda t, k: 1e-4 / t, 40)
    assert pace.last == 2


def test_usable_cores_are_those_of_this_process():
    assert usable_cores() == len(os.sched_getaffinity(0)) >= 1


def test_both_are_tried_again_after_a_while():
    """A core that was busy when the run began is found once it is free."""
    slices = run(Pace(2), lambda t, k: 1e-4 * (1.5 if t == 2 and k < 60 else 1 / t), 400)
    assert set(threads_of(slices[20:60])) == {1}
    assert set(threads_of(slices[250:])) == {2} or threads_of(slices[250:]).count(1) <= 16
    assert slices[-1][1] == 2


def test_very_short_steps_are_left_to_one_thread_untried():
    slices = run(Pace(2), lambda t, k: 1e-5 / t, 300)
    assert set(threads_of(slices)) == {1}
