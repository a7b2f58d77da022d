"""Which releases of TF Serving can load a graph: those that have its operations."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tfsclient._tables import listed
from tfsclient.server.models.tensorflow import import_tensorflow
from tfsclient.sources._read import pick_meta_graph

# Operations by the release of TensorFlow that has them and the one before it in this table not:
# found in the operations that these releases list themselves.  Those of TPUs are left out.
_OLDEST: Final = "2.10"
_SINCE: Final[dict[str, frozenset[str]]] = {
    "2.13": frozenset(
        (
            "Conv2DBackpropFilterV2", "Conv2DBackpropInputV2", "DebugIdentityV3", "DistributedSave",
            "RaggedFillEmptyRows", "RaggedFillEmptyRowsGrad", "RandomDatasetV2", "SegmentMaxV2",
            "SegmentMinV2", "SegmentProdV2", "SegmentSumV2", "SnapshotChunkDataset",
            "StatelessRandomGammaV3", "SyncDevice", "UniformDequantize", "UniformQuantize",
            "UniformQuantizedAdd", "UniformQuantizedClipByValue", "UniformQuantizedConvolution",
            "UniformQuantizedConvolutionHybrid", "UniformQuantizedDot", "UniformQuantizedDotHybrid",
            "UniformRequantize",
        )
    ),
    "2.15": frozenset(
        (
            "Conv", "EmptyTensorMap", "FFTND", "FileSystemSetConfiguration", "IFFTND", "IRFFTND",
            "KMC2ChainInitialization", "KmeansPlusPlusInitialization", "NearestNeighbors", "RFFTND",
            "SparseSegmentMeanGradV2", "SparseSegmentSqrtNGradV2", "SparseSegmentSumGradV2",
            "TFRecordDatasetV2", "TensorMapErase", "TensorMapHasKey", "TensorMapInsert",
            "TensorMapLookup", "TensorMapSize", "TensorMapStackKeys",
        )
    ),
    "2.18": frozenset(
        (
            "CheckPinned", "DatasetFingerprint", "GlobalIterId", "GlobalShuffleDataset",
            "IndexFlatMapDataset", "IteratorGetModelProto", "ListSnapshotChunksDataset",
            "WeightedFlatMapDataset",
        )
    ),
    "2.21": frozenset(("DecodeJxl", "DecodeWebP")),
}  # fmt: skip


def able(folder: Path) -> str:
    """Which releases of TF Serving can load a SavedModel, in words."""
    meta_graph = pick_meta_graph(folder, None)
    ops = {node.op for node in meta_graph.graph_def.node}
    for function in meta_graph.graph_def.library.function:
        ops |= {node.op for node in function.node_def}
    ops -= {function.signature.name for function in meta_graph.graph_def.library.function}
    own = import_tensorflow().raw_ops
    foreign = sorted(op for op in ops if not (op.startswith("_") or hasattr(own, op)))
    written = ".".join(meta_graph.meta_info_def.tensorflow_version.split(".")[:2])
    needed = [version for version, new in _SINCE.items() if ops & new]
    text = (
        f"TF Serving {needed[-1] if needed else _OLDEST} and later have its operations; TensorFlow "
        f"promises only that {written}, which wrote it, and later load it"
    )
    if foreign:
        text += f"; operations that are not TensorFlow's own have to be there: {listed(foreign)}"
    return text
