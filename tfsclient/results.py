"""What calls return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tfsclient.errors import Code

Float32s: TypeAlias = npt.NDArray[np.float32]
Classes: TypeAlias = list[list[tuple[str, float]]]  # for each example, labels with scores


class Prediction(dict[str, npt.NDArray[Any]]):
    """The outputs of a prediction by name, as numpy arrays.

    Arrays are read-only views of the answer unless ``copy=True`` was asked for; strings are object
    arrays of bytes.

    Attributes:
        model: the model that answered.
        signature: the signature that ran; None where neither request nor answer names it.
        version: the version that answered; None over REST, which does not tell.
    """

    def __init__(
        self,
        outputs: dict[str, npt.NDArray[Any]],
        *,
        model: str,
        signature: str | None,
        version: int | None,
    ) -> None:
        dict.__init__(self, outputs)  # faster than by super(), which small calls feel
        self.model = model
        self.signature = signature
        self.version = version

    def only(self) -> npt.NDArray[Any]:
        """The output of a signature that has exactly one.

        Raises:
            ValueError: there are several outputs, or none.
        """
        if len(self) != 1:
            names = ", ".join(sorted(self)) or "none"
            raise ValueError(f"only() is for a single output, but there are {len(self)}: {names}")
        return next(iter(self.values()))

    def __repr__(self) -> str:
        def show(array: npt.NDArray[Any]) -> str:
            if array.size > 8:
                return f"{array.dtype}{list(array.shape)}"
            return np.array2string(array, separator=", ", threshold=8)

        outputs = ", ".join(f"{name}={show(array)}" for name, array in self.items())
        return f"<Prediction of {self.model!r} version {self.version}: {outputs}>"

    def __reduce__(self) -> tuple[Any, ...]:
        where = {"model": self.model, "signature": self.signature, "version": self.version}
        return (_prediction, (dict(self), where))


def _prediction(outputs: dict[str, npt.NDArray[Any]], where: dict[str, Any]) -> Prediction:
    return Prediction(outputs, **where)


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """The state of one version of a model.

    Attributes:
        version: its number.
        state: "START", "LOADING", "AVAILABLE", "UNLOADING", "END" or "UNKNOWN".
        error_code: OK, or why loading failed.
        error_message: the reason in words; "" when there is none.
    """

    version: int
    state: str
    error_code: Code
    error_message: str

    @property
    def available(self) -> bool:
        """Whether this version answers requests."""
        return self.state == "AVAILABLE"
