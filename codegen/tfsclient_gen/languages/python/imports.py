"""What a Python client imports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from markupsafe import Markup

from tfsclient_gen.languages.python import layout
from tfsclient_gen.quoting import code

# What a module may import, in the order that ruff wants.
_STANDARD: Final = {
    "collections.abc": "Mapping Sequence",
    "contextlib": "AbstractAsyncContextManager AbstractContextManager",
    "dataclasses": "dataclass",
    "types": "TracebackType",
    "typing": "Any Literal",
}
_RUNTIME: Final = {
    "tfsclient": "DEFAULT AsyncClient Client DType Example FeatureSpec Image Signature TensorSpec "
    "Timeout",
    "tfsclient.generated": "AnyExample check_dtypes plain_examples top verify_signatures "
    "without_none",
    "tfsclient.schema": "TensorMeaning",
}
IMPORTED: Final = frozenset(
    ["annotations", "np", "npt", *" ".join([*_STANDARD.values(), *_RUNTIME.values()]).split()]
)

# What the template uses for every model.
ALWAYS: Final = frozenset(
    "AbstractAsyncContextManager AbstractContextManager AsyncClient Client Mapping Sequence "
    "Signature Timeout TracebackType verify_signatures".split()
)


def imports(names: frozenset[str]) -> Markup:
    """The statements that import these names."""
    third = ["import numpy as np"] if "np" in names else []
    third += ["import numpy.typing as npt"] if "npt" in names else []
    return code("\n".join([*_from(_STANDARD, names), "", *third, *_from(_RUNTIME, names)]))


def _from(modules: Mapping[str, str], names: frozenset[str]) -> Iterator[Markup]:
    for module, offered in modules.items():
        wanted = [name for name in offered.split() if name in names]
        head = f"from {module} import "
        line = head + ", ".join(wanted)
        if wanted:
            yield code(line) if layout.fits(0, line) else layout.fit(0, head + "(", wanted, ")")
