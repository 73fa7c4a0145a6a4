"""Which of a model's signatures is meant."""

from __future__ import annotations

from edgekiln.core.errors import UserError
from edgekiln.core.model import Signature
from edgekiln.core.text import say


def choose_signature(signatures: tuple[Signature, ...], key: str) -> Signature:
    """The signature of that key; for "" `serving_default`, else the first that is not Keras' own
    `serve`. UserError, offering the keys, when there is none of that name."""
    by_key = {signature.key: signature for signature in signatures}
    if not key:
        others = (signature for signature in signatures if signature.key != "serve")
        return by_key.get("serving_default") or next(others, signatures[0])
    if key in by_key:
        return by_key[key]
    raise UserError(
        say("The model has no signature “{key}”.", key=key),
        say("It has: {names}.", names=", ".join(by_key)),
        say("Choose one of them."),
        tuple(by_key),
    )
