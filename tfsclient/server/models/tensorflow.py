"""Running a SavedModel with TensorFlow, the way TF Serving does: by tensor name, in a TF1 session.

A session knows nothing of signatures, takes any tensor of the graph as a feed, and its error texts
are the ones that TF Serving's clients get to see; the objects of ``tf.saved_model.load`` differ in
all three.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError as ProtobufDecodeError

from tfsclient._codec.tensor import Tensor
from tfsclient.dtypes import STRING, DType
from tfsclient.errors import Code, MissingExtra, TFSError, from_code
from tfsclient.server.models.ops import prepare_graph
from tfsclient.sources._flaws import flaws_in
from tfsclient.sources._read import read_meta_graph

_log = logging.getLogger("tfsclient.server")

INIT_OP_SIGNATURE: Final = "__saved_model_init_op"
_INIT_OP_COLLECTIONS = ("saved_model_main_op", "legacy_init_op")


def import_tensorflow() -> Any:
    """The ``tensorflow`` module, without its start-up chatter.

    Raises:
        MissingExtra: TensorFlow is not installed.
    """
    # Errors only: the warnings of a failed run quote what the client sent.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # TF Serving's image computes without it
    try:
        import tensorflow as tf
    except ImportError as error:
        raise MissingExtra(
            "the local server runs models with TensorFlow, which is not installed",
            hint="pip install 'tfsclient[serve]'",
        ) from error
    return tf


class LoadedModel:
    """One version of a model, ready to run.

    Attributes:
        signatures: the SignatureDef messages by key, as they are in the file.
    """

    def __init__(self, folder: str | Path, *, tags: frozenset[str] = frozenset({"serve"})) -> None:
        """Load the SavedModel in ``folder``.

        Raises:
            TFSError: what TensorFlow found wrong with it.
        """
        tf = import_tensorflow()
        # Private, and the only way to a session's own checks: Session.run casts and refuses feeds
        # by rules of its own before the session sees them.
        from tensorflow.python.client import pywrap_tf_session

        self._native: Any = pywrap_tf_session
        self._run_options = tf.compat.v1.RunOptions
        self._op_error: type[Exception] = tf.errors.OpError
        meta_graph = read_meta_graph(Path(folder), tags)
        for flaw in flaws_in(meta_graph):
            _log.warning("%s: %s", folder, flaw)
        self.signatures: dict[str, Any] = dict(meta_graph.signature_def)
        self._graph = tf.Graph()
        self._tensors: dict[str, tuple[Any, int, DType]] = {}
        try:
            with self._graph.as_default():
                graph_def = tf.compat.v1.GraphDef.FromString(
                    meta_graph.graph_def.SerializeToString()
                )
                prepare_graph(graph_def)
                tf.import_graph_def(graph_def, name="")
            self._graph.finalize()
            self._session = tf.compat.v1.Session(
                graph=self._graph, config=tf.compat.v1.ConfigProto(allow_soft_placement=True)
            )
            self._initialize(meta_graph, Path(folder))
        except self._op_error as error:
            raise _from_op_error(error) from None
        except (ValueError, ProtobufDecodeError) as error:
            raise from_code(Code.INVALID_ARGUMENT, str(error)) from None

    def close(self) -> None:
        """Release what the session holds; calls that are still running are cancelled."""
        self._session.close()

    def _initialize(self, meta_graph: Any, folder: Path) -> None:
        """Restore the variables and run the initializer, if there are such."""
        assets = {
            asset.tensor_info.name: str(folder / "assets" / asset.filename)
            for asset in meta_graph.asset_file_def
        }
        saver = meta_graph.saver_def
        variables = folder / "variables" / "variables"
        if saver.restore_op_name and variables.with_suffix(".index").exists():
            self._session.run(
                saver.restore_op_name, {saver.filename_tensor_name: str(variables), **assets}
            )
        if init_op := _init_op(meta_graph):
            self._session.run(self._graph.as_graph_element(init_op), assets)

    def run(
        self,
        feeds: Mapping[str, Tensor],
        fetches: Sequence[str],
        *,
        timeout: float | None = None,
    ) -> list[Tensor]:
        """Compute tensors of the graph; calls from several threads run side by side.

        Args:
            feeds: tensors by their names in the graph.
            fetches: names of the tensors wanted.
            timeout: seconds, after which the run is given up.

        Raises:
            TFSError: with the code and the text of TensorFlow's own error.
        """
        inputs = {self._endpoint(name): _to_native(tensor) for name, tensor in feeds.items()}
        outputs = [self._endpoint(name) for name in fetches]
        options = None
        if timeout is not None:
            message = self._run_options(timeout_in_ms=max(1, int(timeout * 1000)))
            options = self._native.TF_NewBufferFromString(message.SerializeToString())
        try:
            arrays = self._native.TF_SessionRun_wrapper(
                self._session._session,  # noqa: SLF001
                options,
                inputs,
                outputs,
                [],
                None,
            )
        except self._op_error as error:
            raise _from_op_error(error) from None
        except UnicodeDecodeError as error:
            # An error text that quotes bytes of the input; what is lost is only its code.
            text = error.object.decode(errors="surrogateescape")
            raise from_code(Code.INVALID_ARGUMENT, text) from None
        finally:
            if options is not None:
                self._native.TF_DeleteBuffer(options)
        return [self._from_native(name, array) for name, array in zip(fetches, arrays, strict=True)]

    def _endpoint(self, name: str) -> Any:
        """A new handle of a tensor by its name: "x:0", or "x" for its operation's first output.

        New each time, so that a tensor that is fed twice reaches the session twice.
        """
        endpoint = self._native.TF_Output()
        endpoint.oper, endpoint.index, _ = self._tensor(name)
        return endpoint

    def _tensor(self, name: str) -> tuple[Any, int, DType]:
        """A tensor's operation, its number among the outputs of that, and its type."""
        if (known := self._tensors.get(name)) is not None:
            return known
        operation, index = _split(name)
        try:
            found = self._graph.get_operation_by_name(operation)
        except (KeyError, ValueError):
            raise from_code(
                Code.INVALID_ARGUMENT,
                f"Tensor {operation}:{index}, specified in either feed_devices or fetch_devices"
                " was not found in the Graph",
            ) from None
        # What an operation does not put out is for the session to refuse.
        has_it = index < len(found.outputs)
        number = found.outputs[index].dtype.as_datatype_enum if has_it else 0
        self._tensors[name] = found._c_op, index, DType.of_number(number)  # noqa: SLF001
        return self._tensors[name]

    def _from_native(self, name: str, array: Any) -> Tensor:
        _, _, dtype = self._tensor(name)
        if dtype == STRING and not isinstance(array, np.ndarray):
            scalar = np.empty((), object)
            scalar[()] = array
            return Tensor(dtype, scalar)
        return Tensor(dtype, np.asarray(array))


def _split(name: str) -> tuple[str, int]:
    operation, _, index = name.rpartition(":")
    return (operation, int(index)) if operation and index.isdecimal() else (name.strip(":"), 0)


def _to_native(tensor: Tensor) -> npt.NDArray[Any]:
    """The array by whose dtype TensorFlow knows a quantized tensor from an integer one."""
    if tensor.dtype.startswith(("qint", "quint")):
        return tensor.array.view(np.dtype([(str(tensor.dtype), tensor.array.dtype)]))
    return tensor.array


def _from_op_error(error: Any) -> TFSError:
    return from_code(Code.of_number(error.error_code), error.message)


def _init_op(meta_graph: Any) -> str | None:
    """The operation that initializes tables and the like, wherever the exporter noted it."""
    if INIT_OP_SIGNATURE in meta_graph.signature_def:
        outputs = meta_graph.signature_def[INIT_OP_SIGNATURE].outputs
        if INIT_OP_SIGNATURE in outputs:
            return str(outputs[INIT_OP_SIGNATURE].name)
    for key in _INIT_OP_COLLECTIONS:
        if key in meta_graph.collection_def:
            names = meta_graph.collection_def[key].node_list.value
            if len(names) == 1:
                return str(names[0])
    return None
