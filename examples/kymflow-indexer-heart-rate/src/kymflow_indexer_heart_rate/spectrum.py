"""The heart rate in one velocity trace, and whether it stands out of the noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.signal import lombscargle

if TYPE_CHECKING:
    from pandas.core.window import Rolling

Floats = npt.NDArray[np.float64]

# A mouse's heart beats at 4 to 12 Hz. The band is wider, so that a peak at either end lies inside it.
BAND_HZ = (3.0, 13.0)
# Beats of the slowest heart that a trace must hold.
MIN_BEATS = 4
# Of the time from the first to the last valid sample; two short pieces far apart fit many frequencies.
MIN_COVERAGE = 0.5
# Chance that noise alone gives as high a peak anywhere in the band.
MAX_FALSE_ALARM = 1e-4

NO_SAMPLES = "no valid sample"
TOO_SHORT = "too short"
TOO_GAPPY = "too many gaps or stalls"
TOO_SLOW = "sampled too slowly"
NO_PEAK = "no peak stands out"
PART = "part of a slower rhythm"

# A flow that differs from its usual velocity by more than this share of it stalls, or is no flow.
_STALL = 0.5
# How much closer the frequencies are than what the trace resolves (1 / duration).
_OVERSAMPLING = 5
# Noise is measured beyond a peak's side lobes, in units of 1 / duration, and nearer to it than the
# slowest heart's second harmonic to the first.
_SIDE_LOBES = 2
# Elements of the largest array that the periodogram needs at a time (8 bytes each).
_BLOCK = 1_000_000
# Below this share of the velocity, what is left after detrending is rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class HeartRate:
    """What the spectrum of one velocity trace says.

    Attributes
    ----------
    heart_rate_bpm : float
        Beats per minute; NaN where `problem` says why there is none.
    peak_power : float
        Share of the variance that a sine wave at the strongest peak explains, 0 to 1, without stalls
        and drifts; NaN where no spectrum could be made.
    snr : float
        Power at that peak / mean power near it; NaN as above.
    n_valid : int
        Samples with a time and a velocity.
    duration_s : float
        From the first to the last of them, s; NaN without any.
    problem : str or None
        Why there is no heart rate; None where there is one.
    """

    heart_rate_bpm: float
    peak_power: float
    snr: float
    n_valid: int
    duration_s: float
    problem: str | None


def heart_rate(
    time_s: npt.ArrayLike, velocity_mm_s: npt.ArrayLike, band_hz: tuple[float, float] = BAND_HZ
) -> HeartRate:
    """Return the heart rate in a velocity trace.

    Parameters
    ----------
    time_s : array_like of float, shape (n,)
        Times of the samples, s, in any order. Velocities of equal times are averaged.
    velocity_mm_s : array_like of float, shape (n,)
        Velocities, mm/s; NaN where none was found. A sample whose time or velocity is not finite is
        left out.
    band_hz : tuple of float
        Lowest and highest frequency that a heart may have, Hz; the highest at least twice the lowest.

    Returns
    -------
    HeartRate
        Without a rate where the trace holds fewer than `MIN_BEATS` beats of the slowest heart or
        has gaps or stalls for most of its time, where it is sampled so slowly that a heart within the band
        would show up at another frequency (band end >= 1 / (2 * median spacing), Nyquist),
        where no peak inside the band stands out, and where the one that does is a harmonic or a side
        lobe of a slower rhythm, such as breathing.

    Raises
    ------
    ValueError
        The two arrays differ in shape or are not one-dimensional, or the band is no such band.

    Notes
    -----
    Velocities are missing where the Radon transform found none, so the samples are uneven. A
    Lomb-Scargle periodogram fits a sine wave and an offset at each frequency to the samples that there
    are [1]_ [2]_; Welch's method would need values made up for the gaps. Stalls are taken for gaps, too:
    their steps would fill the band. They are where the running median, over one beat of the slowest
    heart, is further from the median of the whole trace than half of that. A running mean over three
    such beats is then taken off, and with it drifts.

    Of noise, the power at each frequency is distributed as chi-square with two degrees of freedom
    [1]_, so that of a peak over the mean of `m` independent ones near it as F(2, 2 m). By chance the
    ratio exceeds ``snr`` with ``p = (1 + snr / m) ** -m``; anywhere among the ``n = duration *
    bandwidth`` independent frequencies of the spectrum [3]_ with ``1 - (1 - p) ** n``, which must not
    exceed `MAX_FALSE_ALARM`. Since the frequencies compared are close, noise that is stronger at slow
    ones is seldom taken for a peak.

    References
    ----------
    .. [1] J. D. Scargle, Studies in astronomical time series analysis II, ApJ 263, 835 (1982).
    .. [2] M. Zechmeister and M. Kürster, The generalised Lomb-Scargle periodogram, A&A 496, 577 (2009).
    .. [3] J. T. VanderPlas, Understanding the Lomb-Scargle periodogram, ApJS 236, 16 (2018).
    """
    if not 0 < 2 * band_hz[0] <= band_hz[1] < math.inf:
        raise ValueError(f"band_hz must span from a frequency to at least twice that, got {band_hz}")
    times, velocities, n_valid = _valid_samples(time_s, velocity_mm_s)
    if not n_valid:
        return HeartRate(math.nan, math.nan, math.nan, 0, math.nan, NO_SAMPLES)
    duration_s = float(times[-1] - times[0])

    def without(problem: str, peak_power: float = math.nan, snr: float = math.nan) -> HeartRate:
        return HeartRate(math.nan, peak_power, snr, n_valid, duration_s, problem)

    if problem := _unsuitable(times, band_hz):
        return without(problem)
    flowing = _is_flowing(times, velocities, 1 / band_hz[0])
    times, velocities = times[flowing], velocities[flowing]
    if _unsuitable(times, band_hz):
        return without(TOO_GAPPY)
    pulsation = velocities - _running(times, velocities, 3 / band_hz[0]).mean().to_numpy(np.float64)
    swing = np.ptp(pulsation)
    if swing <= _ROUNDING * np.abs(velocities).max():
        return without(NO_PEAK)
    spectrum = _spectrum(times, pulsation / swing, band_hz)
    peak = int(np.argmax(np.where(spectrum.slow, 0, spectrum.power)))
    power, snr = float(spectrum.power[peak]), spectrum.snr(peak)
    # At an end of the band the spectrum may still be rising: what rises is not inside.
    inside = spectrum.slow.sum() < peak < len(spectrum.power) - 1
    if not (inside and spectrum.false_alarm(peak) <= MAX_FALSE_ALARM):
        return without(NO_PEAK, power, snr)
    if spectrum.is_part_of_slower_rhythm(peak):
        return without(PART, power, snr)
    return HeartRate(60 * spectrum.summit_hz(peak), power, snr, n_valid, duration_s, None)


def _valid_samples(time_s: npt.ArrayLike, velocity_mm_s: npt.ArrayLike) -> tuple[Floats, Floats, int]:
    """Return different times in order with their velocities, and how many samples they come from."""
    times, velocities = np.asarray(time_s, np.float64), np.asarray(velocity_mm_s, np.float64)
    if times.ndim != 1 or times.shape != velocities.shape:
        raise ValueError(
            f"expected one velocity for each time, got the shapes {times.shape} and {velocities.shape}"
        )
    valid = np.isfinite(times) & np.isfinite(velocities)
    distinct, which = np.unique(times[valid], return_inverse=True)
    sums = np.bincount(which, velocities[valid], len(distinct))
    return distinct, sums / np.bincount(which, minlength=len(distinct)), int(valid.sum())


def _unsuitable(times: Floats, band_hz: tuple[float, float]) -> str | None:
    """Say why no spectrum in the band can be had from samples at these times, or None if one can."""
    shortest_s = MIN_BEATS / band_hz[0]
    duration_s = float(times[-1] - times[0]) if len(times) else 0.0
    if duration_s < shortest_s:
        return TOO_SHORT
    spacing_s = float(np.median(np.diff(times)))
    if 2 * spacing_s * band_hz[1] >= 1:
        return TOO_SLOW
    if len(times) * spacing_s < max(shortest_s, MIN_COVERAGE * duration_s):
        return TOO_GAPPY
    return None


def _running(times: Floats, velocities: Floats, window_s: float) -> Rolling[pd.Series[float]]:
    """Return windows of this width around each sample."""
    trace = pd.Series(velocities, index=pd.to_timedelta(times - times[0], unit="s"))
    return trace.rolling(pd.Timedelta(seconds=window_s), center=True)


def _is_flowing(times: Floats, velocities: Floats, window_s: float) -> npt.NDArray[np.bool_]:
    """Tell which samples are not in a stall, by the median velocity in a window around each."""
    usual = np.median(velocities)
    around = _running(times, velocities, window_s).median().to_numpy(np.float64)
    flowing: npt.NDArray[np.bool_] = np.abs(around - usual) <= _STALL * np.abs(usual)
    return flowing


@dataclass(frozen=True)
class _Spectrum:
    """A periodogram from a third of the band's lowest frequency on, and what is a peak in it.

    `power` is the share of the variance that a sine wave explains, 0 to 1.
    """

    frequencies_hz: Floats
    power: Floats
    duration_s: float
    slowest_hz: float

    @property
    def slow(self) -> npt.NDArray[np.bool_]:
        """Where the spectrum is below the band."""
        return self.frequencies_hz < self.slowest_hz

    def _near(self, peak: int) -> npt.NDArray[np.bool_]:
        away_hz = np.abs(self.frequencies_hz - self.frequencies_hz[peak])
        near: npt.NDArray[np.bool_] = (away_hz > _SIDE_LOBES / self.duration_s) & (away_hz < self.slowest_hz)
        near &= ~self.slow
        return near

    def snr(self, peak: int) -> float:
        """Return the power of a peak / the mean power near it."""
        return float(self.power[peak] / self.power[self._near(peak)].mean())

    def false_alarm(self, peak: int) -> float:
        """Return the chance that noise gives such a peak anywhere; see :func:`heart_rate`."""
        n_near = self._near(peak).sum() / _OVERSAMPLING
        n_frequencies = self.duration_s * (self.frequencies_hz[-1] - self.frequencies_hz[0])
        by_chance = (1 + self.snr(peak) / n_near) ** -n_near
        return float(-np.expm1(n_frequencies * np.log1p(-by_chance)))

    def is_part_of_slower_rhythm(self, peak: int) -> bool:
        """Tell whether the strongest rhythm below the band, such as breathing, explains a peak in it.

        It does if it stands out and the peak is its second or third harmonic, or if the peak is no
        higher than the side lobes of a sine wave of that rhythm, ``1 / (pi * distance * duration)**2``
        of its power; four times that, since gaps raise them.
        """
        rhythm = int(np.argmax(np.where(self.slow, self.power, 0)))
        peak_hz, rhythm_hz = float(self.frequencies_hz[peak]), float(self.frequencies_hz[rhythm])
        side_lobes = self.power[rhythm] / (np.pi * (peak_hz - rhythm_hz) * self.duration_s) ** 2
        if self.power[peak] < 4 * side_lobes:
            return True
        harmonic = any(abs(peak_hz - multiple * rhythm_hz) < 1 / self.duration_s for multiple in (2, 3))
        return harmonic and self.false_alarm(rhythm) <= MAX_FALSE_ALARM

    def summit_hz(self, peak: int) -> float:
        """Return the frequency of the vertex of the parabola through a peak and its two neighbours."""
        before, top, after = self.power[peak - 1 : peak + 2]
        offset = 0.5 * (before - after) / (before - 2 * top + after)
        return float(self.frequencies_hz[peak] + offset * (self.frequencies_hz[1] - self.frequencies_hz[0]))


def _spectrum(times: Floats, pulsation: Floats, band_hz: tuple[float, float]) -> _Spectrum:
    """Return the Lomb-Scargle periodogram.

    scipy takes angular frequencies, and makes arrays of samples x frequencies; hence the blocks.
    """
    duration_s = float(times[-1] - times[0])
    frequencies_hz = np.arange(band_hz[0] / 3, band_hz[1], 1 / (_OVERSAMPLING * duration_s))
    n_blocks = math.ceil(len(times) * len(frequencies_hz) / _BLOCK)
    power = [
        np.atleast_1d(lombscargle(times, pulsation, 2 * np.pi * block, normalize=True, floating_mean=True))
        for block in np.array_split(frequencies_hz, n_blocks)
    ]
    return _Spectrum(frequencies_hz, np.concatenate(power), duration_s, band_hz[0])
