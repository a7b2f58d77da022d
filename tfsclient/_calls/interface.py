"""What the client asks of a protocol: a call for everything that TF Serving can be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tfsclient._calls.call import Call
from tfsclient._calls.request import ExamplesRequest, PredictRequest
from tfsclient._codec.model_ref import ModelRef
from tfsclient._inputs.prepare import Inputs
from tfsclient.results import Classes, Float32s, Prediction, VersionStatus
from tfsclient.schema import Model, Signature

if TYPE_CHECKING:
    from tfsclient.model_config import ServerConfig


class Calls(Protocol):
    """Makes the calls of one protocol; does no I/O."""

    @property
    def needs_signature(self) -> bool:
        """Whether an answer can be read only with the signature."""
        ...

    @property
    def tells_signatures(self) -> bool:
        """Whether the server can be asked for signatures; if not, those that are given count."""
        ...

    def repeated(
        self,
        ref: ModelRef,
        spec: Signature | None,
        inputs: Inputs,
        outputs: tuple[str, ...] | None,
        validate: bool,
        copy: bool,
    ) -> Call[Prediction] | None:
        """The call for inputs like earlier ones, not checked again; None if they are new."""
        ...

    def predict(
        self, request: PredictRequest, inputs: Inputs | None, validate: bool, copy: bool
    ) -> Call[Prediction]:
        """The call that runs a predict request.

        Args:
            request: what to send.
            inputs: what the user gave, if calls with others like them are to be remembered.
            validate: whether the inputs were checked.
            copy: whether to give writable copies.

        Raises:
            Unimplemented: the protocol cannot carry it.
        """
        ...

    def classify(self, request: ExamplesRequest) -> Call[Classes]:
        """The call that gives labels with scores for each Example."""
        ...

    def regress(self, request: ExamplesRequest) -> Call[Float32s]:
        """The call that gives a number for each Example."""
        ...

    def multi_inference(self, request: ExamplesRequest) -> Call[dict[str, Classes | Float32s]]:
        """The call that runs several signatures on the same Examples.

        Raises:
            Unimplemented: the protocol has no such call.
        """
        ...

    def metadata(self, ref: ModelRef) -> Call[Model]:
        """The call that asks for a model's signatures."""
        ...

    def status(self, ref: ModelRef) -> Call[list[VersionStatus]]:
        """The call that asks for the states of a model's versions."""
        ...

    def reload(self, config: ServerConfig) -> Call[None]:
        """The call that replaces the server's list of models.

        Raises:
            Unimplemented: the protocol has no such call.
        """
        ...
