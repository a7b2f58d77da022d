"""What signatures cannot say, put to those that a server tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from tfsclient._calls.call import Call
from tfsclient._codec.model_ref import ModelRef
from tfsclient.errors import InvalidInput, shown
from tfsclient.schema import Model

if TYPE_CHECKING:
    from tfsclient.meaning import Meaning


class Meanings:
    """The meanings that a client was given.

    Args:
        meanings: what was given, by the name of the model.

    Raises:
        InvalidInput: it is not a dict of meanings.
    """

    def __init__(self, meanings: Mapping[str, Meaning]) -> None:
        from tfsclient.meaning import Meaning  # with a reader of TOML, which few need

        if not isinstance(meanings, Mapping):
            raise InvalidInput(f"meanings must be a dict by model, not {shown(meanings)}")
        for name, meaning in meanings.items():
            if not isinstance(name, str) or not isinstance(meaning, Meaning):
                raise InvalidInput(
                    f"meanings: {shown(name)} must be a model's name, with a Meaning as its value",
                    hint="tfsclient.meaning.read(path) gives one",
                )
        self._meanings = dict(meanings)

    def attach(self, name: str, model: Model) -> Model:
        """A model with what was given for this name.

        Raises:
            InvalidInput: it does not fit; the error says on which line of which file.
        """
        from tfsclient.meaning import attach

        meaning = self._meanings.get(name)
        return model if meaning is None else attach(meaning, model)

    def metadata(self, ask: Callable[[ModelRef], Call[Model]], ref: ModelRef) -> Call[Model]:
        """The call for a model's signatures, whose answer has what was given."""
        call = ask(ref)
        if ref.name in self._meanings:
            call.decode = partial(self._decode, ref.name, call.decode)
        return call

    def _decode(self, name: str, decode: Callable[[bytes], Model], data: bytes) -> Model:
        return self.attach(name, decode(data))
