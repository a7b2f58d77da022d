"""Lines of generated Rust that hold names, and so may be too long for one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from markupsafe import Markup

from tfsclient.schema import FeatureSpec, Signature, TensorSpec
from tfsclient_gen.languages.rust import layout
from tfsclient_gen.languages.rust.names import SignatureName
from tfsclient_gen.languages.rust.types import variant
from tfsclient_gen.names import Name
from tfsclient_gen.quoting import code, rust_string


def set_feature(name: Name, *, unless_empty: bool) -> Markup:
    """The statement that sets a feature of an Example."""
    function = "features.set_list" if unless_empty else "features.set"
    return layout.call(function, [rust_string(name.wire), f"example.{name.ident}"], ";", 8)


def take_feature(name: Name) -> Markup:
    """The field that takes a feature of an Example."""
    return layout.taken(name.ident, "features", "field", rust_string(name.wire), 12)


def of_method(
    name: SignatureName,
    kind: str,
    result: str,
    inputs: Mapping[Markup, bool],
    outputs: Sequence[Markup],
) -> Mapping[str, Markup]:
    """Those of a signature; ``inputs`` say whether they may be left out."""
    type_, gives = name.type, f"Result<{result}, tfs::Error>"
    given = [
        f"self.{ident}.map(Into::into)" if optional else f"Some(self.{ident}.into())"
        for ident, optional in inputs.items()
    ]
    taken = [
        f"{ident}: tensors.take{'_optional' * optional}({i})?"
        for i, (ident, optional) in enumerate(inputs.items())
    ]
    args = [f"&{name.constant}", *(["inputs"] if kind == "predict" else ["examples", "context"])]
    call = [".model", f".{kind}({', '.join(args)})", ".await"]
    return {
        "head": layout.function(
            f"pub async fn {name.ident}", ["&self", f"input: {type_}Input"], f" -> {gives} {{", 4
        ),
        "run": layout.chain("", "self", call, "", 8)
        if kind != "predict"
        else layout.chain("let prediction = ", "self", [*call[:-1], ".await?"], ";", 8),
        "answer": layout.bounds("F", [f"Fn({type_}Input) -> R", "Send", "Sync", "'static"], 8),
        "future": layout.bounds("R", [f"Future<Output = {gives}>", "Send", "'static"], 8),
        "into_tensors": layout.array("vec!", given, "", 8),
        "from_tensors": layout.struct("Self", taken, 8),
        "outputs": layout.array(
            "outputs: vec!", [f"Some(self.{ident}.into())" for ident in outputs], ",", 12
        ),
    }


def described(
    signature: Signature,
    name: SignatureName,
    kind: str,
    given: Collection[TensorSpec],
    defaults: Collection[str],
    *,
    asks_by_name: bool,
    has_features: bool,
    grpc_only: str | None,
) -> Markup:
    """The static that describes a signature."""
    inputs = [_Spec(spec, "optional", spec.name in defaults) for spec in signature.inputs.values()]
    outputs = [_Spec(spec, "optional", False) for spec in given]
    features = [
        _Spec(spec, "required", spec.required is True)
        for spec in (signature.features or {}).values()
    ]
    tensor, feature = "tfs::TensorSpec", "tfs::FeatureSpec"
    lines = [
        layout.borrowed("name: Cow::Borrowed", rust_string(signature.name), ",", 4),
        f"kind: tfs::Kind::{kind.capitalize()},",
        f"inputs: Cow::Borrowed({_specs(tensor, inputs)}),",
        f"outputs: Cow::Borrowed({_specs(tensor, outputs)}),",
        f"features: Some(Cow::Borrowed({_specs(feature, features)})),"
        if has_features
        else "features: None,",
        f"asks_by_name: {str(asks_by_name).lower()},",
        _grpc_only(grpc_only),
    ]
    body = "".join(f"    {line}\n" for line in lines)
    return code(f"static {name.constant}: tfs::Signature = tfs::Signature {{\n{body}}};")


class _Spec:
    """The fields of a struct that describes a tensor or a feature."""

    def __init__(self, spec: TensorSpec | FeatureSpec, key: str, flag: bool) -> None:
        self._spec, self._flag = spec, f"{key}: {str(flag).lower()},"

    def lines(self, indent: int) -> str:
        """Them, indented by so many columns."""
        name = layout.borrowed("name: Cow::Borrowed", rust_string(self._spec.name), ",", indent)
        dtype = f"dtype: tfs::DType::{variant(self._spec.dtype)},"
        fields = [name, dtype, layout.shape(self._spec.shape, indent), self._flag]
        return "".join(f"{' ' * indent}{field}\n" for field in fields)


def _specs(struct: str, specs: Sequence[_Spec]) -> str:
    """A list of structs in a field; a lone one shares its lines with the brackets."""
    if len(specs) == 1:
        return f"&[{struct} {{\n{specs[0].lines(8)}    }}]"
    margin = " " * 8
    each = "".join(f"{margin}{struct} {{\n{spec.lines(12)}{margin}}},\n" for spec in specs)
    return f"&[\n{each}    ]" if specs else "&[]"


def _grpc_only(reason: str | None) -> str:
    if reason is None:
        return "grpc_only: None,"
    return f"grpc_only: {layout.some_borrowed(rust_string(reason), 4)},"


def signatures(names: Sequence[SignatureName]) -> Markup:
    """The constant that lists the statics."""
    return layout.assigned_array(
        "const SIGNATURES: &'static [&'static tfs::Signature]",
        [f"&{name.constant}" for name in names],
        4,
    )
