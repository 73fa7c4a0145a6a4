"""The rules of ranges on distributions whose right answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edgekiln.core.quantization import RangeRule
from edgekiln.pipeline.quantize.calibrate import Calibration
from edgekiln.pipeline.quantize.ranges import BINS, Histogram, keys_of

RANDOM = np.random.default_rng(11)
COUNT = 40_000
CUTTING: tuple[RangeRule, ...] = ("percentile", "mse", "kl")
ALL: tuple[RangeRule, ...] = ("extremes", "p95", "p75", *CUTTING)
Floats = NDArray[np.float32]

UNIFORM = RANDOM.uniform(-1, 1, COUNT).astype(np.float32)
PIXELS = RANDOM.integers(0, 256, COUNT).astype(np.float32)
NORMAL = RANDOM.normal(size=COUNT).astype(np.float32)
RELU = np.maximum(NORMAL, 0)
LAPLACE = RANDOM.laplace(size=COUNT).astype(np.float32)
SILU = (3 * NORMAL / (1 + np.exp(-3 * NORMAL))).astype(np.float32)


def histogram(values: Floats) -> Histogram:
    return Histogram.of(np.bincount(keys_of(values), minlength=BINS))


def seen(values: Floats, whole: frozenset[str] = frozenset()) -> Calibration:
    """As calibration would have seen 100 samples of these values."""
    rows = values[: values.size // 100 * 100].reshape(100, -1)
    counted = {"t": histogram(values)}
    return Calibration({"t": rows.min(1)}, {"t": rows.max(1)}, 100, counted, whole)


def of(values: Floats, rule: RangeRule) -> tuple[float, float]:
    ranges = seen(values).ranges(rule)["t"]
    return float(ranges["min"][0]), float(ranges["max"][0])


def int8_error(values: Floats, low: float, high: float) -> float:
    """Mean square error of the values in int8, by doing it."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / 255
    zero = np.rint(-128 - low / scale)
    stored = np.clip(np.rint(values.astype(np.float64) / scale) + zero, -128, 127)
    return float(np.mean((scale * (stored - zero) - values) ** 2))


@pytest.mark.parametrize("values", [UNIFORM, NORMAL, RELU, PIXELS], ids=len)
def test_a_histogram_loses_no_value_and_blurs_none_by_more_than_a_128th(values: Floats) -> None:
    low, high, counts = histogram(values).in_order()
    assert counts.sum() == values.size
    assert (np.diff(low) >= 0).all()
    assert (high - low <= np.maximum(np.abs(low), np.abs(high)) / 128).all()
    mean = (low + high) / 2 @ counts / values.size
    assert mean == pytest.approx(values.mean(), abs=0.004 * values.max())


def test_what_is_not_finite_is_not_counted() -> None:
    values = np.array([1, -1, np.inf, -np.inf, np.nan, 0, -0.0], np.float32)
    assert histogram(values).counts.sum() == 4


def with_outlier(values: Floats, outlier: float) -> Calibration:
    """A thousand times these values, and one outlier among them."""
    counts = np.bincount(keys_of(values), minlength=BINS) * 1000
    counts += np.bincount(keys_of(np.array([outlier], np.float32)), minlength=BINS)
    low, high = np.array([min(values.min(), outlier)]), np.array([max(values.max(), outlier)])
    return Calibration({"t": low}, {"t": high}, 1, {"t": Histogram.of(counts)})


@pytest.mark.parametrize("rule", CUTTING)
@pytest.mark.parametrize("outlier", [400.0, -400.0])
@pytest.mark.parametrize("values", [NORMAL, RELU, LAPLACE], ids=["normal", "relu", "laplace"])
def test_an_outlier_is_cut_off_and_only_the_extremes_keep_it(values, outlier, rule) -> None:
    spoilt = with_outlier(values, outlier)
    end = "max" if outlier > 0 else "min"
    assert spoilt.ranges("extremes")["t"][end] == outlier
    kept = spoilt.ranges(rule)["t"]
    assert abs(kept[end][0]) < 5 * values.max()
    assert kept["max"][0] > values.max() / 4


@pytest.mark.parametrize("rule", ALL)
@pytest.mark.parametrize("values", [UNIFORM, PIXELS], ids=["uniform", "pixels"])
def test_nothing_is_cut_off_where_the_ends_are_as_full_as_the_middle(values, rule) -> None:
    low, high = of(values, rule)
    width = float(values.max() - values.min())
    assert low == pytest.approx(values.min(), abs=0.01 * width)
    assert high == pytest.approx(values.max(), abs=0.01 * width)


@pytest.mark.parametrize("rule", ALL)
@pytest.mark.parametrize("values", [NORMAL, RELU, LAPLACE, SILU, -RELU, UNIFORM + 3], ids=len)
def test_no_rule_leaves_the_values_seen(values: Floats, rule: RangeRule) -> None:
    low, high = of(values, rule)
    assert min(values.min(), 0) <= low <= high <= max(values.max(), 0)


def test_the_percentile_leaves_a_ten_thousandth_on_either_side() -> None:
    low, high = of(NORMAL, "percentile")
    assert (high < NORMAL).mean() <= 1e-4
    assert (low > NORMAL).mean() <= 1e-4
    assert high == pytest.approx(np.quantile(NORMAL, 1 - 1e-4), rel=0.02)


@pytest.mark.parametrize("values", [NORMAL, RELU, LAPLACE, SILU, UNIFORM, PIXELS], ids=len)
def test_mse_is_as_good_as_any_range_tried_by_hand(values: Floats) -> None:
    own = int8_error(values, *of(values, "mse"))
    shares = np.linspace(0.2, 1, 33)
    best = min(
        int8_error(values, a * values.min(), b * values.max()) for a in shares for b in shares
    )
    assert own <= 1.1 * best


def test_mse_in_int8_pays_on_long_tails() -> None:
    spoilt = np.concatenate([[60, -80], np.tile(LAPLACE, 30)]).astype(np.float32)
    assert int8_error(spoilt, *of(spoilt, "mse")) < 0.5 * int8_error(
        spoilt, *of(spoilt, "extremes")
    )


@pytest.mark.parametrize("rule", CUTTING)
def test_a_whole_tensor_keeps_its_extremes(rule: RangeRule) -> None:
    kept = seen(LAPLACE, frozenset("t"))
    assert kept.ranges(rule)["t"] == kept.ranges("extremes")["t"]


@pytest.mark.parametrize("rule", ALL)
@pytest.mark.parametrize("value", [0.0, 2.5, -2.5])
def test_one_value_all_over_is_a_range(rule: RangeRule, value: float) -> None:
    low, high = of(np.full(1000, value, np.float32), rule)
    assert min(low, 0.0) == min(value, 0.0)
    assert max(high, 0.0) == max(value, 0.0)
