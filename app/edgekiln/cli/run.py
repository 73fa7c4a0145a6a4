"""The path of a model as the commands walk it: each step in a child, each result kept."""

from __future__ import annotations

import shutil
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from edgekiln.child import ChildCrashed, crash_error, run_step
from edgekiln.cli.output import Output
from edgekiln.core.artifact import Artifact
from edgekiln.core.data import DataSource, OfferedSizes
from edgekiln.core.errors import UserError
from edgekiln.core.files import copy_atomic, part_suffix
from edgekiln.core.flow import ModelDraft, unpinned
from edgekiln.core.fusion import FusionResult
from edgekiln.core.model import InspectedModel, ModelSource
from edgekiln.core.plans import ConvertPlan, FusionPlan, InspectPlan, SizePlan
from edgekiln.core.text import say

T = TypeVar("T")


@dataclass(frozen=True)
class Runner:
    """Runs steps below a workspace and says how far they are."""

    root: Path
    output: Output

    def step(self, name: str, inputs: Any, plan: Any, result_type: type[T]) -> T:
        """One step; a crash of native code becomes words for the user."""
        try:
            return run_step(name, inputs, plan, self.root, result_type, self.output.report)
        except ChildCrashed as crashed:
            self.output.log(crashed.log)
            raise crash_error(crashed) from crashed

    def identify(self, model: Path) -> ModelSource:
        """What kind of model lies at a path."""
        return self.step("identify", model.absolute(), InspectPlan(), ModelSource)

    def inspect(self, model: Path) -> InspectedModel:
        """What can be said of it without running it."""
        source = self.identify(model)
        # a kept result names the place where the same model lay when it was made
        return replace(self.step("inspect", source, InspectPlan(), InspectedModel), source=source)

    def convert(self, model: Path, plan: ConvertPlan, data: DataSource | None = None) -> Artifact:
        """Its float `.tflite`. Where sizes are open, the refusal offers those of the data."""
        source = self.identify(model)
        try:
            return self.step("convert", source, plan, Artifact)
        except UserError as error:
            if data is None or source.kind == "tflite":
                raise
            raise self._offering(error, source, plan, data) from error

    def _offering(
        self, error: UserError, source: ModelSource, plan: ConvertPlan, data: DataSource
    ) -> UserError:
        model = self.step("inspect", source, InspectPlan(), InspectedModel)
        named = [s for s in model.signatures if s.key == plan.signature]
        signature = named[0] if named else model.default_signature
        if not unpinned(ModelDraft(plan.signature, plan.sizes), signature):
            return error
        offered = self.step("offer-sizes", data, SizePlan(signature), OfferedSizes)
        pins = tuple(f"--pin {name}={','.join(map(str, size))}" for name, size in offered.sizes)
        do = say("The data in {name} has these sizes. Add the line below.", name=data.path.name)
        return UserError(error.what, error.why, do, (" ".join(pins),))

    def fuse(self, model: Path, convert: ConvertPlan, plan: FusionPlan) -> FusionResult:
        """Its fused float `.tflite`."""
        return self.step("fuse", self.convert(model, convert, plan.data), plan, FusionResult)


def data_source(path: str | None) -> DataSource | None:
    """The data at a path, absolute, so that a result names it wherever it is read."""
    return None if path is None else DataSource(Path(path).absolute())


def data_parts(arguments: Namespace) -> tuple[DataSource | None, DataSource | None]:
    """`--calibration` and `--evaluation`, or one source split into both by `--split`."""
    first, second = data_source(arguments.calibration), data_source(arguments.evaluation)
    share = arguments.split
    if share is None:
        return first, second
    if first is None or second is not None or not 0 < share < 1:
        raise UserError(
            say("“--split {share}” cannot be done.", share=share),
            say("It splits --calibration, without --evaluation, by a share between 0 and 1."),
            say("Write it like --calibration D --split 0.2"),
        )
    return (
        replace(first, part="calibration", share=share),
        replace(first, part="evaluation", share=share),
    )


def copy_artifact(artifact: Artifact, target: Path) -> Artifact:
    """A copy of an artifact where the user asked for it; complete or absent."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        copy_atomic(artifact.path, target)
    except OSError as error:
        raise unwritable(target.parent, error) from error
    return replace(artifact, path=target.absolute())


def unwritable(folder: Path, error: OSError) -> UserError:
    """A folder that cannot be written, in words."""
    return UserError(
        say("{folder} cannot be written.", folder=str(folder)),
        say("The system says: {reason}.", reason=error.strerror or str(error)),
        say("Choose another folder, make room, or change its permissions. Nothing was left there."),
    )


def refused(error: OSError) -> UserError:
    """What the system would not do, in words."""
    name = f"{error.filename}: " if error.filename else ""
    return UserError(
        say("A file could not be read or written."),
        say("The system says: {reason}.", reason=name + (error.strerror or str(error))),
        say("Make room or change the permissions, then try again. Nothing was changed."),
    )


def check_file(path: Path) -> None:
    """Fail before the work when a file cannot be put at a path."""
    if path.is_dir():
        raise UserError(
            say("{path} is a folder.", path=str(path)),
            say("The result is one file."),
            say(
                "Give the name of a file, for example {example}.", example=str(path / "out.tflite")
            ),
        )
    check_writable(path.parent)


@contextmanager
def delivered(folder: Path) -> Iterator[Path]:
    """A folder whose files move to `folder` when all of them are there; else none does."""
    made = next((p for p in (*reversed(folder.parents), folder) if not p.exists()), None)
    part = folder / f".edgekiln{part_suffix()}"
    try:
        part.mkdir(parents=True)
        yield part
        for file in part.iterdir():
            file.replace(folder / file.name)
        part.rmdir()
    except BaseException as error:
        shutil.rmtree(part if made is None else made, ignore_errors=True)
        if isinstance(error, OSError):
            raise unwritable(folder, error) from error
        raise


def check_writable(folder: Path) -> None:
    """Fail before the work, not after it, when the result could not be put down."""
    made = [p for p in (folder, *folder.parents) if not p.exists()]
    probe = folder / ".edgekiln-write-test"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise unwritable(folder, error) from error
    for path in made:
        path.rmdir()
