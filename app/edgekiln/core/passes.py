"""The fusion passes by name, for whoever offers them: in the order in which they run."""

from __future__ import annotations

from dataclasses import dataclass

from edgekiln.core.text import Text, say


@dataclass(frozen=True)
class PassInfo:
    """A pass's name on the command line, what it does, and what that gains. One that is `asked` is
    off unless asked for: it changes what the model is fed or gives, or serves few targets."""

    name: str
    title: Text
    gain: Text
    asked: bool = False


FUSION_PASSES: tuple[PassInfo, ...] = (
    PassInfo(
        "identity",
        say("Remove operators that change nothing"),
        say("A RESHAPE to the same shape, a CAST to the same type, a PAD by nothing."),
    ),
    PassInfo(
        "movement",
        say("Make operators in a row that only move values one, or none"),
        say("RESHAPE after RESHAPE, TRANSPOSE and back; up-sampling built of copies."),
    ),
    PassInfo(
        "pad-into",
        say("Let a convolution or max-pool pad by itself"),
        say("A PAD before it is a pass over memory less."),
    ),
    PassInfo(
        "input-normalisation",
        say("Leave the normalisation at the input to what feeds the model"),
        say("An int8 model then takes the camera's bytes as they are; the input changes."),
        asked=True,
    ),
    PassInfo(
        "affine-forward",
        say("Fold a scale and offset into the convolution or dense layer after it"),
        say("BatchNorm or input normalisation before a convolution without padding costs nothing."),
    ),
    PassInfo(
        "affine-back",
        say("Fold a scale and offset back into the layers that feed it"),
        say("BatchNorm after a concatenation, a sum or pooling of layers costs nothing."),
    ),
    PassInfo(
        "parallel-branches",
        say("Make parallel linear branches one convolution"),
        say("The training form of RepVGG becomes the form it was meant to run in."),
    ),
    PassInfo(
        "side-by-side",
        say("Make layers of one tensor, joined afterwards, one layer"),
        say("One layer reads its input once and writes the joined result itself."),
    ),
    PassInfo(
        "linear-row",
        say("Make two linear layers in a row one"),
        say("Only where the one costs fewer multiplications than the two."),
    ),
    PassInfo(
        "activation-back",
        say("Give a standing activation or clip to the operator before it"),
        say("The operator before it applies it while it writes its output."),
    ),
    PassInfo(
        "signs",
        say("Replace negations and squares, which int8 does not have"),
        say("Normalisation layers stay in int8 instead of going through float."),
    ),
    PassInfo(
        "softplus",
        say("Write softplus and mish so that they cannot overflow"),
        say("Large inputs give large outputs instead of infinity."),
    ),
    PassInfo(
        "second-reader",
        say("Compute a cheap layer twice, with the scale and offset folded in"),
        say("Only where a second layer costs no more than the operators it saves."),
    ),
    PassInfo(
        "affine-depthwise",
        say("Make a remaining scale and offset one depthwise convolution"),
        say("One pass over memory instead of two, and one requantization instead of two."),
    ),
    PassInfo(
        "equalize",
        say("Make the channels between layers equally wide"),
        say("With one int8 scale a tensor narrow channels keep their steps; no operator goes."),
        asked=True,
    ),
    PassInfo(
        "split-output",
        say("Split an output joined of unlike parts"),
        say("In int8 boxes and scores each get a scale of their own; the outputs change."),
        asked=True,
    ),
)


def info_of(name: str) -> PassInfo:
    """The pass of that name."""
    return next(info for info in FUSION_PASSES if info.name == name)
