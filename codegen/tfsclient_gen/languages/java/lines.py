"""Lines of generated Java that hold names, and so may be too long for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from tfsclient_gen.languages.java import layout
from tfsclient_gen.languages.java.names import SignatureName
from tfsclient_gen.quoting import code, java_string

_OPTIONS = "Consumer<CallOptions> options"


def of_tensor(name: Markup, type_: str, source: str, index: int) -> Mapping[str, Markup]:
    """Those of an input or output, which is taken from a list."""
    return {
        "from_builder": layout.assign(name, f"builder.{name}", 4),
        "from_list": layout.assign(name, f"({type_}) {source}.get({index})", 4),
        "setter": layout.declare("public Builder", name, [f"{type_} {name}"], " {", 4),
        "set": layout.assign(f"this.{name}", name, 6),
    }


def of_method(
    name: SignatureName,
    kind: str,
    result: str,
    inputs: Mapping[Markup, Markup],
    outputs: Sequence[Markup],
    examples: str | None,
    fake: str,
) -> Mapping[str, Markup]:
    """Those of a signature; ``inputs`` are types by name."""
    ident, type_ = name.ident, name.type
    given, future = f"{type_}Input input", f"CompletableFuture<{result}>"
    lines = {
        "sync": layout.declare(f"default {result}", ident, [given], " {", 2),
        "sync_with": layout.declare(f"default {result}", ident, [given, _OPTIONS], " {", 2),
        "await": layout.call("return Model.await", [f"() -> {ident}Async(input, options)"], ";", 4),
        "future": layout.declare(f"default {future}", f"{ident}Async", [given], " {", 2),
        "future_with": layout.declare(future, f"{ident}Async", [given, _OPTIONS], ";", 2),
        "override": layout.declare(f"public {future}", f"{ident}Async", [given, _OPTIONS], " {", 2),
        "fake": layout.declare(
            f"public {fake}", ident, [f"Function<{type_}Input, {result}> answer"], " {", 2
        ),
    }
    made = f"{type_}Input"
    head = f"public final class {examples} implements TypedExample {{"
    if len(head) > layout.WIDTH:
        head = head.replace(" implements", "\n    implements")
    lines["example_class"] = code(head)
    lines["serialize"] = layout.call("return features.serializeFor", [f"{made}.SIGNATURE"], ";", 4)
    if kind == "predict":
        args = [f"{made}.SIGNATURE", "input", f"{made}::tensors", f"{type_}Result::new", "options"]
        lines["run"] = layout.call("return model.predict", args, ";", 4)
        lines["fake_predict"] = layout.call(
            "fake.predict",
            [java_string(name.wire), f"{made}::new", "answer", f"{type_}Result::prediction"],
            ";",
            4,
        )
        lines["tensors"] = layout.call("return Arrays.asList", list(inputs), ";", 4)
        all_of = layout.call("Arrays.asList", outputs, "", 8)
        lines["shown"] = layout.call("return prediction().toString", [f"{made}.SIGNATURE"], ";", 4)
        lines["prediction"] = layout.call("return new Prediction", [all_of, "version"], ";", 4)
    else:
        args = [f"{made}.SIGNATURE", "input", f"{made}::examples", f"{made}::context", "options"]
        lines["run"] = layout.call(f"return model.{kind}", args, ";", 4)
        lines["fake_infer"] = layout.call(
            f"fake.{kind}", [java_string(name.wire), f"{made}::new", "answer"], ";", 4
        )
        lines["of_fake"] = layout.call(made, ["List<Example> examples", "Example context"], " {", 2)
        lines["of_examples"] = layout.declare(
            f"public static {made}", "of", [f"{examples}... examples"], " {", 2
        )
        lines["set_examples"] = layout.declare(
            "public Builder", "examples", [f"List<{examples}> examples"], " {", 4
        )
    if len(inputs) == 1:
        ((only, class_),) = inputs.items()
        lines["of"] = layout.declare(f"public static {made}", "of", [f"{class_} {only}"], " {", 2)
        lines["of_one"] = layout.call(f"return builder().{only}", [only], ".build();", 4)
    return lines
