from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kymflow_indexer_heart_rate import spectrum
from kymflow_indexer_heart_rate.spectrum import (
    BAND_HZ,
    NO_PEAK,
    NO_SAMPLES,
    PART,
    TOO_GAPPY,
    TOO_SHORT,
    TOO_SLOW,
    HeartRate,
    heart_rate,
)

Floats = npt.NDArray[np.float64]


def trace(
    heart_hz: float = 8.0,
    duration_s: float = 4.0,
    spacing_s: float = 0.004,
    *,
    pulse: float = 0.1,
    noise: float = 0.02,
    seed: int = 0,
) -> tuple[Floats, Floats]:
    """Times (s) and velocities (mm/s) of a flow of 0.8 mm/s that pulses by a share of it."""
    random = np.random.default_rng(seed)
    time_s = np.arange(0, duration_s, spacing_s)
    pulsation = pulse * np.sin(2 * np.pi * heart_hz * time_s + random.uniform(0, 2 * np.pi))
    return time_s, 0.8 * (1 + pulsation) + random.normal(0, noise, len(time_s))


def assert_none(found: HeartRate, problem: str) -> None:
    assert math.isnan(found.heart_rate_bpm)
    assert found.problem == problem


@pytest.mark.parametrize("heart_hz", [4.0, 4.7, 5.5, 6.3, 8.0, 9.1, 10.4, 12.0])
@pytest.mark.parametrize("duration_s", [2.0, 8.0])
def test_a_known_heart_rate_is_recovered(heart_hz: float, duration_s: float) -> None:
    found = heart_rate(*trace(heart_hz, duration_s))

    assert found.problem is None
    # A tenth of what the trace resolves, 1 / duration.
    assert found.heart_rate_bpm == pytest.approx(60 * heart_hz, abs=60 * 0.1 / duration_s)
    assert found.peak_power > 0.7
    assert found.snr > 50
    assert found.duration_s == pytest.approx(duration_s, abs=0.01)


def test_a_gappy_trace_gives_the_rate_of_the_whole_one() -> None:
    time_s, velocity = trace(6.3, 8.0)
    velocity[np.random.default_rng(1).random(len(velocity)) < 0.4] = np.nan
    velocity[500:700] = np.nan

    found = heart_rate(time_s, velocity)

    assert found.heart_rate_bpm == pytest.approx(60 * 6.3, abs=1)
    assert found.n_valid == np.isfinite(velocity).sum()


def test_uneven_times_do_not_shift_the_rate() -> None:
    random = np.random.default_rng(5)
    time_s = np.sort(random.uniform(0, 6, 1500))
    velocity = 0.8 + 0.08 * np.sin(2 * np.pi * 7.25 * time_s) + random.normal(0, 0.02, 1500)

    assert heart_rate(time_s, velocity).heart_rate_bpm == pytest.approx(60 * 7.25, abs=1)


def test_drift_and_stalls_do_not_hide_the_heart() -> None:
    time_s, velocity = trace(9.0, 6.0)
    velocity = velocity + 0.3 * time_s
    velocity[600:900] *= 0.1

    assert heart_rate(time_s, velocity).heart_rate_bpm == pytest.approx(540, abs=2)


def test_more_noise_means_a_lower_signal_to_noise_ratio() -> None:
    clear, noisy = heart_rate(*trace(noise=0.01)), heart_rate(*trace(noise=0.06))

    assert clear.problem is None
    assert noisy.problem is None
    assert clear.snr > noisy.snr
    assert clear.peak_power > noisy.peak_power


def test_noise_alone_hardly_ever_has_a_heart_rate() -> None:
    found = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        noise = random.normal(0, 0.02, size=500)
        for velocity in (0.8 + noise, 0.8 + np.cumsum(noise)):
            found += heart_rate(np.arange(500) * 0.004, velocity).problem is None
    assert found <= 2


def test_a_noisy_trace_without_heart_says_that_no_peak_stands_out() -> None:
    found = heart_rate(*trace(pulse=0.0))

    assert_none(found, NO_PEAK)
    assert 0 < found.peak_power < 0.2


@pytest.mark.parametrize("velocity_mm_s", [0.0, 0.7, -1.3, 1e-12])
def test_a_constant_velocity_has_no_heart_rate(velocity_mm_s: float) -> None:
    found = heart_rate(np.arange(1000) * 0.004, np.full(1000, velocity_mm_s))

    assert_none(found, NO_PEAK)
    assert math.isnan(found.peak_power)
    assert math.isnan(found.snr)


def test_a_flow_that_is_steady_in_short_pieces_only_is_refused() -> None:
    time_s, velocity = trace(duration_s=6.0)
    velocity[time_s % 1 < 0.3] = 0.1
    velocity[time_s % 1 > 0.7] = 3.0

    found = heart_rate(time_s, velocity)

    assert_none(found, TOO_GAPPY)
    assert found.n_valid == 1500


def test_a_single_step_is_no_heartbeat() -> None:
    time_s = np.arange(0, 4, 0.004)

    assert_none(heart_rate(time_s, np.where(time_s < 3, 0.8, 0.1)), NO_PEAK)


@pytest.mark.parametrize("noise", [0.0, 0.005, 0.02])
@pytest.mark.parametrize("pulse", [0.1, 0.3])
@pytest.mark.parametrize("rhythm_hz", [0.3, 0.7, 1.1, 1.5, 1.9, 2.3, 2.7, 2.9, 13.5, 15.0, 20.0])
def test_what_beats_outside_the_band_is_no_heart(rhythm_hz: float, pulse: float, noise: float) -> None:
    assert math.isnan(heart_rate(*trace(rhythm_hz, 8.0, pulse=pulse, noise=noise)).heart_rate_bpm)


@pytest.mark.parametrize("duration_s", [4.0, 20.0])
def test_breathing_that_is_no_sine_wave_is_no_heart(duration_s: float) -> None:
    time_s, velocity = trace(2.1, duration_s)
    velocity = velocity + 0.03 * np.sin(2 * np.pi * 4.2 * time_s)

    assert_none(heart_rate(time_s, velocity), PART)


def test_a_heart_is_found_beside_breathing() -> None:
    time_s, velocity = trace(8.0, 8.0)
    velocity = velocity + 0.1 * np.sin(2 * np.pi * 2.1 * time_s)

    assert heart_rate(time_s, velocity).heart_rate_bpm == pytest.approx(480, abs=2)


def test_a_trace_without_any_valid_sample_has_nothing() -> None:
    time_s, velocity = trace()

    found = heart_rate(time_s, np.full_like(velocity, np.nan))

    assert_none(found, NO_SAMPLES)
    assert found.n_valid == 0
    assert math.isnan(found.duration_s)
    assert_none(heart_rate([], []), NO_SAMPLES)
    assert_none(heart_rate([math.nan, 1.0], [1.0, math.inf]), NO_SAMPLES)


def test_a_short_trace_is_refused_with_what_is_known_of_it() -> None:
    found = heart_rate(*trace(duration_s=1.0))

    assert_none(found, TOO_SHORT)
    assert found.n_valid == 250
    assert found.duration_s == pytest.approx(0.996)
    assert_none(heart_rate([1.0], [1.0]), TOO_SHORT)


def test_a_heart_that_could_be_an_alias_is_refused() -> None:
    # Sampled at 15 Hz, a heart at 10 Hz looks as one at 5 Hz.
    time_s, velocity = trace(10.0, 20.0, 1 / 15, noise=0.0)

    assert_none(heart_rate(time_s, velocity), TOO_SLOW)
    assert heart_rate(time_s, velocity, band_hz=(3.0, 7.0)).heart_rate_bpm == pytest.approx(300, abs=3)


def test_pieces_far_apart_are_refused() -> None:
    time_s, velocity = trace(duration_s=30.0)
    velocity[(time_s > 2) & (time_s < 28)] = np.nan

    assert_none(heart_rate(time_s, velocity), TOO_GAPPY)


def test_order_and_repetition_of_samples_change_nothing() -> None:
    time_s, velocity = trace(7.0)
    expected = heart_rate(time_s, velocity)
    shuffled = np.random.default_rng(2).permutation(np.tile(np.arange(len(time_s)), 2))

    found = heart_rate(time_s[shuffled], velocity[shuffled])

    assert found.heart_rate_bpm == pytest.approx(expected.heart_rate_bpm)
    assert found.snr == pytest.approx(expected.snr)
    assert found.n_valid == 2 * expected.n_valid


def test_velocities_of_equal_times_are_averaged() -> None:
    time_s, velocity = trace(7.0)
    twice = heart_rate(np.tile(time_s, 2), np.concatenate([velocity + 0.1, velocity - 0.1]))

    assert twice.heart_rate_bpm == pytest.approx(heart_rate(time_s, velocity).heart_rate_bpm)


def test_arrays_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one velocity for each time, got the shapes \(2,\) and \(3,\)"):
        heart_rate([0, 1], [1, 2, 3])


@pytest.mark.parametrize("band_hz", [(0.0, 5.0), (5.0, 8.0), (3.0, math.inf), (math.nan, 5.0)])
def test_a_band_without_an_octave_is_refused(band_hz: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="band_hz must span from a frequency to at least twice that, got"):
        heart_rate(*trace(), band_hz=band_hz)


@pytest.mark.parametrize(("band_hz", "heart_hz"), [((0.7, 3.5), 1.2), ((10.0, 22.0), 14.0)])
def test_hearts_of_other_animals_need_another_band(band_hz: tuple[float, float], heart_hz: float) -> None:
    found = heart_rate(*trace(heart_hz, 12.0), band_hz=band_hz)

    assert found.heart_rate_bpm == pytest.approx(60 * heart_hz, abs=1)


def test_the_arguments_are_left_alone() -> None:
    time_s, velocity = trace()
    before = time_s.copy(), velocity.copy()

    heart_rate(time_s[::-1], velocity[::-1])

    assert np.array_equal(time_s, before[0])
    assert np.array_equal(velocity, before[1])


def test_a_periodogram_in_blocks_is_that_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    time_s, velocity = trace()
    expected = spectrum._spectrum(time_s, velocity, BAND_HZ)

    monkeypatch.setattr(spectrum, "_BLOCK", 7000)

    assert spectrum._spectrum(time_s, velocity, BAND_HZ).power == pytest.approx(expected.power)


@settings(max_examples=60, deadline=None)
@given(
    heart_hz=st.floats(4, 12),
    duration_s=st.floats(3, 12),
    lost=st.floats(0, 0.3),
    start_s=st.floats(-100, 1e4),
    scale=st.sampled_from([1e-200, 1e-3, 1.0, -50.0, 1e200]),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_heart_in_a_usable_trace_is_found(
    heart_hz: float, duration_s: float, lost: float, start_s: float, scale: float, seed: int
) -> None:
    time_s, velocity = trace(heart_hz, duration_s, 0.005, seed=seed)
    velocity[np.random.default_rng(seed).random(len(velocity)) < lost] = np.nan

    found = heart_rate(time_s + start_s, velocity * scale)

    assert found.problem is None
    assert found.heart_rate_bpm == pytest.approx(60 * heart_hz, abs=60 * 0.2 / duration_s)
    assert 0 < found.peak_power <= 1


@settings(max_examples=100, deadline=None)
@given(
    samples=st.lists(
        st.tuples(st.floats(0, 10, width=32), st.floats(-5, 5, width=32) | st.just(math.nan)), max_size=60
    ),
    step_s=st.sampled_from([0.004, 0.03]),
)
def test_any_samples_give_a_rate_or_a_problem_never_both(
    samples: list[tuple[float, float]], step_s: float
) -> None:
    extra = np.arange(100) * step_s
    time_s = np.concatenate([extra, [time for time, _ in samples]])
    velocity = np.concatenate([np.ones(100), [velocity for _, velocity in samples]])

    found = heart_rate(time_s, velocity)

    assert math.isnan(found.heart_rate_bpm) == (found.problem is not None)
    assert found.problem is not None or 180 <= found.heart_rate_bpm <= 780
