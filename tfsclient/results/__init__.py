"""What calls return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import numpy as np
import numpy.typing as npt

from tfsclient.dtypes import LOADING
from tfsclient.errors import Code
from tfsclient.results import _forms, _shown

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Classes", "Float32s", "Prediction", "Statuses", "VersionStatus"]

Float32s: TypeAlias = npt.NDArray[np.float32]
Classes: TypeAlias = list[list[tuple[str, float]]]  # for each example, labels with scores


def __dir__() -> list[str]:
    return __all__


class Prediction(dict[str, npt.NDArray[Any]]):
    """The outputs of a prediction by name, as numpy arrays.

    Arrays are read-only views of the answer unless ``copy=True`` was asked for; strings are object
    arrays of bytes, which :meth:`text` decodes.

    ``print`` shows the outputs, the larger ones in part.  Two predictions are equal if their
    outputs have the same names, shapes and values; NaN equals NaN.

    Attributes:
        model: the model that answered.
        signature: the signature that ran; None where neither request nor answer names it.
        version: the version that answered; None over REST, whose answers do not name it.
    """

    __slots__ = ("__weakref__", "_labels", "model", "signature", "version")

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

    @property
    def labels(self) -> Mapping[str, Sequence[str]] | None:
        """What the classes of an output are called, by output; None where that is not known."""
        return getattr(self, "_labels", None)  # which is set only where it is known

    @labels.setter
    def labels(self, labels: Mapping[str, Sequence[str]] | None) -> None:
        self._labels = labels

    def only(self) -> npt.NDArray[Any]:
        """The output of a signature that has exactly one.

        Raises:
            ValueError: there are several outputs, or none.
        """
        if len(self) != 1:
            names = ", ".join(sorted(self)) or "none"
            raise ValueError(f"only() is for a single output, but there are {len(self)}: {names}")
        return next(iter(self.values()))

    def text(self, name: str) -> Any:
        """A string output as text.

        Returns:
            An object array of ``str`` with the output's shape; of an output without dimensions the
            ``str`` itself.

        Raises:
            KeyError: there is no such output.
            InvalidInput: it is not an output of strings, or one of them is not UTF-8; the error
                says which.
        """
        return _forms.text(self, name)

    def top(self, name: str, k: int = 5) -> Classes:
        """The likeliest classes of each row, where the output's labels are known.

        They are known from the model's meaning: ``Client(meanings=...)``, see
        :mod:`tfsclient.meaning`.

        Args:
            name: an output of scores, of shape [batch, classes]; or [classes], which is one row.
            k: how many classes to give; all of them, if there are not so many.

        Returns:
            A list with an entry for each row, also where there is but one: its classes as (label,
            score), the highest score first.  Of equal scores the first class comes first; NaN is
            last.

        Raises:
            KeyError: there is no such output.
            InvalidInput: its labels are not known, or it is not of so many classes.
        """
        return _forms.top(self, name, k)

    def to_json(self) -> str:
        """The outputs as a JSON object of nested lists, as ``outputs`` is in TF Serving's JSON.

        It is strict JSON: NaN and the infinities are the strings "NaN", "Infinity" and "-Infinity".
        Integers are exact, and floats have as few digits as identify them.  Strings are text, or
        ``{"b64": "..."}`` where they are not UTF-8.  A complex number is ``[real, imaginary]``.
        """
        with LOADING:  # with orjson, which gRPC does without
            from tfsclient.results._json import to_json

        return to_json(self)

    def to_pandas(self) -> pd.DataFrame:
        """The outputs as columns of a ``pandas.DataFrame``, with a row for each of the batch.

        Outputs of one dimension are columns of numbers or text (of bytes, if one of the strings is
        not UTF-8).  Of more dimensions, each row holds an array.  An output without dimensions
        stands in every row, or makes up the only one.  Types that pandas does not have become
        float32 or int8, which hold the same values.

        Raises:
            InvalidInput: the outputs' first dimensions differ, so that there are no rows.
            MissingExtra: pandas is not installed.
        """
        return _forms.to_pandas(self)

    def copy(self) -> Prediction:
        """A prediction with the same arrays; ``copy.deepcopy`` copies those, too."""
        made = Prediction(self, model=self.model, signature=self.signature, version=self.version)
        made.labels = self.labels
        return made

    def __missing__(self, name: object) -> NoReturn:
        outputs = ", ".join(map(repr, self)) or "none"
        raise KeyError(f"there is no output {name!r}; the outputs are {outputs}")

    def __eq__(self, other: object) -> bool:
        return _forms.equal(self, other) if isinstance(other, Mapping) else NotImplemented

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # as of any dict

    def __repr__(self) -> str:
        return _shown.prediction_line(self)

    def __str__(self) -> str:
        return _shown.prediction_text(self)

    def _repr_html_(self) -> str:
        return _shown.prediction_html(self)

    def __reduce__(self) -> tuple[Any, ...]:
        where = {"model": self.model, "signature": self.signature, "version": self.version}
        return (_prediction, (dict(self), where, self.labels))


def _prediction(
    outputs: dict[str, npt.NDArray[Any]],
    where: dict[str, Any],
    labels: Mapping[str, Sequence[str]] | None = None,
) -> Prediction:
    made = Prediction(outputs, **where)
    made.labels = labels
    return made


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """The state of one version of a model.

    Attributes:
        version: its number; None where a server has no versions.
        state: "START", "LOADING", "AVAILABLE", "UNLOADING", "END" or "UNKNOWN".
        error_code: OK, or why loading failed.
        error_message: the reason in words; "" when there is none.
    """

    version: int | None
    state: str
    error_code: Code
    error_message: str

    @property
    def available(self) -> bool:
        """Whether this version answers requests."""
        return self.state == "AVAILABLE"


class Statuses(list[VersionStatus]):
    """The states of a model's versions: a list that is printed as a table."""

    def __str__(self) -> str:
        return _shown.status_text(self)

    def _repr_html_(self) -> str:
        return _shown.status_html(self)
