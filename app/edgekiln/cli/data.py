"""The command on data: check-data."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from edgekiln.cli.run import Runner, data_source
from edgekiln.core.data import Alike, DataCheck, DataCheckPlan
from edgekiln.core.errors import UserError
from edgekiln.core.plain import plain
from edgekiln.core.text import say

_SHOWN = 10


def check_data(arguments: Namespace, run: Runner) -> int:
    """Say what data is like."""
    data = data_source(arguments.data)
    assert data is not None
    labels = _labels(arguments.labels) if arguments.labels else ()
    plan = DataCheckPlan(data_source(arguments.evaluation), labels)
    check = run.step("check-data", data, plan, DataCheck)
    run.output.result(plain(check, run.output.words))
    _print_counts(check, run)
    _print_findings(check, run)
    return 0


def _labels(path: str) -> tuple[str, ...]:
    try:
        lines = Path(path).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            say("“{path}” cannot be read.", path=path),
            say("It is not there, or no text in UTF-8."),
            say("Give a file with one class name a line."),
        ) from error
    return tuple(line.strip() for line in lines if line.strip())


def _print_counts(check: DataCheck, run: Runner) -> None:
    out, words = run.output, run.output.words
    out.line(
        "{samples} samples, {evaluation} to evaluate",
        samples=check.samples,
        evaluation=check.evaluation_samples,
    )
    head = [words("By"), words("Value"), words("Samples"), words("Evaluation")]
    names = {"class": words("class"), "size": words("size")}
    rows = [[names.get(s.by, s.by), s.value, s.samples, s.evaluation] for s in check.slices]
    out.table(head, [[str(cell) for cell in row] for row in rows])


def _print_findings(check: DataCheck, run: Runner) -> None:
    out = run.output
    for note in check.notes:
        out.text(note)
    if check.unlabelled:
        out.line("Without a label: {count}", count=check.unlabelled)
    if check.strange:
        out.line("Labels the model does not have: {names}", names=", ".join(check.strange))
    if check.unreadable_count:
        out.line("Unreadable: {count}", count=check.unreadable_count)
        for each in check.unreadable[:_SHOWN]:
            out.line("  {sample}: {why}", sample=each.sample, why=out.words.render(each.why))
    out.line(
        "The same: {exact} groups; alike to the eye: {near} groups",
        exact=check.exact_count,
        near=check.near_count,
    )
    for group in check.alike[:_SHOWN]:
        out.line("  {names}{remark}", names=", ".join(group.samples), remark=_remark(group, run))
    words = out.words
    respects = {
        "brightness": words("brightness"),
        "contrast": words("contrast"),
        "mean": words("mean"),
        "spread": words("spread"),
        "classes": words("shares of classes"),
    }
    for drift in check.drift:
        out.line(
            "Drift of {respect}: {distance:.3f} (chance stays below {limit:.3f})",
            respect=respects[drift.respect],
            distance=drift.distance,
            limit=drift.limit,
        )


def _remark(group: Alike, run: Runner) -> str:
    words = run.output.words
    remarks = [
        remark
        for remark, holds in (
            (words("calibrates and evaluates"), group.across),
            (words("different labels"), group.disputed),
        )
        if holds
    ]
    return f" ({', '.join(remarks)})" if remarks else ""
