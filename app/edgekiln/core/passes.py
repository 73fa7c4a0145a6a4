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
        say("Let a convolution pad by itself"),
        say("A PAD before a convolution is a pass over memory less."),
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
        say("Write softplus so that it cannot overflow"),
        say("Large inputs give large outputs instead of infinity."),
    ),
    PassInfo(
        "affine-depthwise",
        say("Make a remaining scale and offset one depthwise convolution"),
        say("One pass over memory instead of two, and one requantization instead of two."),
    ),
)


def info_of(name: str) -> PassInfo:
    """The pass of that name."""
    return next(info for info in FUSION_PASSES if info.name == name)
