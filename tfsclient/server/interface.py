"""What the interfaces ask of the models behind them: find a version, run it, report its state.

Real models come from the disk and run on TensorFlow (lifecycle, execution); those of a FakeServer
come from a schema and run what a test programs (fake).  Requests are read, checked and answered by
the same code for both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, TypeAlias

from tfsclient._codec.model_ref import ModelRef
from tfsclient._codec.tensor import Tensor
from tfsclient.errors import TFSError


class Runnable(Protocol):
    """One version of a model, ready to run."""

    @property
    def signatures(self) -> Mapping[str, Any]:
        """The SignatureDef messages by key."""
        ...

    def run(
        self,
        feeds: Mapping[str, Tensor],
        fetches: Sequence[str],
        *,
        timeout: float | None = None,
    ) -> list[Tensor]:
        """Compute tensors of the graph; calls from several threads run side by side.

        Args:
            feeds: tensors by their names in the graph, which are the signatures' TensorInfo names.
            fetches: names of the tensors wanted.
            timeout: seconds, after which the run is given up.

        Raises:
            TFSError: with the code and the text that the caller is to see.
        """
        ...

    def close(self) -> None:
        """Release what it holds; calls that are still running are cancelled."""
        ...


class Leased(Protocol):
    """A version in use by a call."""

    @property
    def number(self) -> int:
        """The version's number."""
        ...

    @property
    def model(self) -> Runnable:
        """What runs it."""
        ...


class State(Enum):
    """A version's state, with its number in ModelVersionStatus."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """What GetModelStatus reports about a version."""

    version: int
    state: State
    error: TFSError | None


class Models(Protocol):
    """The models being served."""

    def lease(self, ref: ModelRef) -> AbstractContextManager[Leased]:
        """The version that a request is for, kept loaded while in use.

        Raises:
            InvalidArgument: no model is named, or the label is unknown.
            NotFound: the version does not exist, or is not available.
        """
        ...

    def statuses(self, name: str, number: int | None = None) -> list[VersionStatus]:
        """The states of a model's versions, newest first, unloaded ones included.

        Raises:
            NotFound: this server has never had the model, or the version.
        """
        ...

    def reload(self, config: Any) -> None:
        """Replace the list of models by that of a ModelServerConfig.

        Raises:
            TFSError: the configuration is wrong, or a new model could not be loaded.
        """
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """A request, as far as it is read before the models come in.

    Attributes:
        entrypoint: "GRPC" or "REST".
        api: the method's name, as in "Predict"; of REST the verb in the URL, "metadata", or "".
        ref: which model it is for; None if it does not say.
        headers: gRPC metadata or HTTP headers, names in lower case.
    """

    entrypoint: str
    api: str
    ref: ModelRef | None
    headers: Mapping[str, str | bytes]


# Entered around the answering of a call: it may measure, wait, or raise what the caller is to see.
Around: TypeAlias = Callable[[Call], AbstractContextManager[object]]
