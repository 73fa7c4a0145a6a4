"""What a search has tried, as points of the plot, as rows of the table, and in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edgekiln.core.accuracy import Candidate, QuantResult
from edgekiln.core.artifact import SchemeName
from edgekiln.core.plans import Goal, Limit, QuantPlan
from edgekiln.core.quantization import Attempt, Kept
from edgekiln.core.text import Words
from edgekiln.ui import figures
from edgekiln.ui.widgets.axis import Axis
from edgekiln.ui.widgets.scatter import Dot, Kind
from edgekiln.ui.widgets.table import Cell, Row

Across = Literal["size", "latency"]
_MEGA, _KILO = 1e6, 1e3
_HEADROOM = 1.08  # an axis goes on a little behind its last point
_SEEN = 4  # losses up to this many times the limit are on the scale; worse ones lie below it
_LEAST = 0.005  # and those up to half a point in any case


@dataclass(frozen=True)
class Terms:
    """What was asked of the search; `random`: from random numbers, and no accuracy is told.
    `taken`: the one that was chosen in the end."""

    goal: Goal = "size"
    limit_on: Limit = "accuracy"
    max_drop: float = 0.01
    random: bool = False
    taken: tuple[SchemeName, Kept] | None = None


def asked(plan: QuantPlan) -> Terms:
    """The terms of a search that runs."""
    return Terms(plan.goal, plan.limit_on, plan.max_drop, plan.calibration is None)


def kept_to(result: QuantResult) -> Terms:
    """The terms of one that is done."""
    taken = None
    if result.chosen is not None:
        taken = (result.chosen, result.candidate(result.chosen).kept)
    return Terms(result.goal, result.limit_on, result.max_drop, result.random, taken)


def latest(attempts: Sequence[Attempt]) -> tuple[Attempt, ...]:
    """Each form once, with what was said of it last: a gated one was tried ungated before."""
    return tuple({(each.scheme, each.kept): each for each in attempts}.values())


def best(attempts: Sequence[Attempt], terms: Terms) -> Attempt | None:
    """The one that was taken; before that the one to take, by the goal, and where none holds the
    limit the one that loses least. None while nothing usable is there."""
    if terms.taken is not None:
        return next((a for a in attempts if (a.scheme, a.kept) == terms.taken), None)
    usable = [each for each in attempts if each.usable or not each.gated]
    if terms.random or any(each.within for each in usable):
        held = [each for each in usable if each.within or terms.random]
        return min(held, key=lambda each: _rank(each, terms), default=None)
    known = [each for each in usable if each.loss is not None]
    return min(known, key=lambda each: each.loss or 0.0, default=None)


def name_of(words: Words, attempt: Attempt) -> str:
    """ "mixed, 3 kept"."""
    if not attempt.kept:
        return attempt.scheme
    return words("{scheme}, {count} kept", scheme=attempt.scheme, count=len(attempt.kept))


def lost(words: Words, attempt: Attempt, terms: Terms) -> str:
    """What it loses, as the limit has it: "▼ −0.3 points", "99.2 %"."""
    if terms.random:
        return words("unknown without data")
    if attempt.loss is None:
        return "–"
    if terms.limit_on == "agreement":
        return figures.percent(1 - attempt.loss)
    return figures.points(words, -attempt.loss)


def kind_of(attempt: Attempt, terms: Terms) -> Kind:
    """Whether it holds the limit, loses more, or cannot be used. A step of the search for operators
    to keep was not gated yet: of that only the loss is known."""
    if attempt.within:
        return "holds"
    loses = attempt.loss is not None and attempt.loss > terms.max_drop
    if not attempt.usable:
        return "loses" if not attempt.gated and loses else "unusable"
    return "loses" if attempt.loss is not None else "unknown"


def sentence(words: Words, attempts: Sequence[Attempt], terms: Terms) -> str:
    """The best so far, in one sentence."""
    found = best(attempts, terms)
    if terms.taken is not None:
        return words("{count} forms were tried.", count=len(attempts))
    if found is None:
        return words("Nothing usable yet.") if attempts else words("Nothing is judged yet.")
    name, loss = name_of(words, found), lost(words, found, terms)
    latency, size = figures.milliseconds(found.median_ms), figures.size(found.size_bytes)
    if terms.random:
        return words(
            "Fastest so far: {name}, {latency} here, {size}; its accuracy is unknown without data.",
            name=name,
            latency=latency,
            size=size,
        )
    if not found.within:
        return words("None holds the limit yet; {name} loses least: {loss}.", name=name, loss=loss)
    return words(
        "Best so far: {name}, {size}, {latency} here, {loss}.",
        name=name,
        size=size,
        latency=latency,
        loss=loss,
    )


def sentence_of(words: Words, result: QuantResult, candidate: Candidate) -> str:
    """What the operators that are kept make of it."""
    terms = kept_to(result)
    same = [a for a in result.attempts if (a.scheme, a.kept) == (candidate.scheme, candidate.kept)]
    if not same:
        return words("{count} operators are kept out of int8.", count=len(candidate.kept))
    verdict = row_of(words, same[-1], terms, False)[-1].text
    return words(
        "{count} operators are kept out of int8: {size}, {loss}. {verdict}.",
        count=len(candidate.kept),
        size=figures.size(same[-1].size_bytes),
        loss=lost(words, same[-1], terms),
        verdict=verdict,
    )


def headers(words: Words, terms: Terms) -> tuple[str, ...]:
    """Of the table of attempts."""
    limit = words("Agreement") if terms.limit_on == "agreement" else words("Against float")
    return (words("Candidate"), words("Size"), words("Latency here"), limit, words("Verdict"))


def row_of(words: Words, attempt: Attempt, terms: Terms, mark: bool) -> Row:
    """A line of the table; `mark`: it is the best one."""
    verdicts = {
        "holds": Cell("✓ " + words("holds the limit"), "good"),
        "loses": Cell("◇ " + words("loses more than the limit"), "warn"),
        "unusable": Cell("✕ " + words("not usable"), "bad"),
        "unknown": Cell("● " + words("usable; accuracy unknown")),
    }
    name = name_of(words, attempt)
    return (
        Cell(f"◎ {name}" if mark else name, tip=", ".join(tensor for tensor, _ in attempt.kept)),
        Cell(figures.size(attempt.size_bytes or None), number=True),
        Cell(figures.milliseconds(attempt.median_ms), number=True),
        Cell(lost(words, attempt, terms), number=True),
        verdicts[kind_of(attempt, terms)],
    )


@dataclass(frozen=True)
class Chart:
    """All that the plot shows."""

    dots: tuple[Dot, ...]
    x: Axis
    y: Axis
    limit: tuple[float, str] | None


def chart(words: Words, attempts: Sequence[Attempt], terms: Terms, across: Across) -> Chart:
    """Loss over size or latency, better to the upper left; without data latency over size."""
    if terms.random:
        shown = [a for a in attempts if a.size_bytes and a.median_ms is not None]
        x, sizes = _size_axis(words, shown)
        y, times = _time_axis(words, shown)
        return Chart(_dots(words, shown, sizes, times, terms), x, y, None)
    shown = [a for a in attempts if a.loss is not None and a.size_bytes]
    if across == "latency":
        shown = [a for a in shown if a.median_ms is not None]
    x, sizes = (_time_axis if across == "latency" else _size_axis)(words, shown)
    losses = [-100 * (a.loss or 0.0) for a in shown]
    return Chart(
        _dots(words, shown, sizes, losses, terms), x, _loss_axis(words, losses, terms),
        _limit(words, terms),
    )  # fmt: skip


def _rank(attempt: Attempt, terms: Terms) -> tuple[float, float]:
    latency = float("inf") if attempt.median_ms is None else attempt.median_ms
    if terms.goal == "latency" or terms.random:
        return latency, attempt.size_bytes
    return attempt.size_bytes, latency


def _dots(
    words: Words, shown: Sequence[Attempt], xs: Sequence[float], ys: Sequence[float], terms: Terms
) -> tuple[Dot, ...]:
    top = best(shown, terms)
    return tuple(
        Dot(x, y, name_of(words, a), _tip(words, a, terms), kind_of(a, terms), a is top)
        for a, x, y in zip(shown, xs, ys, strict=True)
    )


def _tip(words: Words, attempt: Attempt, terms: Terms) -> str:
    row = row_of(words, attempt, terms, False)
    told = [f"{head}: {cell.text}" for head, cell in zip(headers(words, terms), row, strict=True)]
    if attempt.kept:
        told.append(
            words(
                "{count} of {operators} operators not int8",
                count=len(attempt.kept),
                operators=attempt.operators,
            )
        )
    return "\n".join(told)


def _size_axis(words: Words, shown: Sequence[Attempt]) -> tuple[Axis, list[float]]:
    largest = max((a.size_bytes for a in shown), default=1000)
    unit, name = (_MEGA, "MB") if largest >= _MEGA else (_KILO, "kB")
    title = words("Size, {unit}", unit=name)
    return Axis(title, 0.0, largest / unit * _HEADROOM), [a.size_bytes / unit for a in shown]


def _time_axis(words: Words, shown: Sequence[Attempt]) -> tuple[Axis, list[float]]:
    times = [a.median_ms or 0.0 for a in shown]
    title = words("Latency on this computer, ms")
    return Axis(title, 0.0, (max(times, default=1.0) or 1.0) * _HEADROOM), times


def _loss_axis(words: Words, losses: Sequence[float], terms: Terms) -> Axis:
    """From a little above the best to the worst one that is still worth a look."""
    title = words("Against the float model, points; better is up")
    seen = -100 * max(_SEEN * terms.max_drop, _LEAST)
    low = min([loss for loss in losses if loss >= seen] + [-100 * max(terms.max_drop, _LEAST)])
    high = max([0.0, *losses])
    room = (high - low) * 0.15
    below = 3 * room if min(losses, default=0.0) < seen else room
    return Axis(title, low - below, high + room)


def _limit(words: Words, terms: Terms) -> tuple[float, str]:
    lowest = -100 * terms.max_drop
    if terms.limit_on == "agreement":
        said = words(
            "limit: {share} of the answers agree", share=figures.percent(1 - terms.max_drop)
        )
    else:
        said = words("limit: {points} points", points=f"−{-lowest:.1f}")
    return lowest, said
