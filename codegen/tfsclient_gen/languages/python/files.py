"""The files of a Python client: one module, which has its schema file beside it."""

from __future__ import annotations

from tfsclient.schema import DEFAULT_SIGNATURE
from tfsclient.schema._shown import prose
from tfsclient_gen.languages.python import layout
from tfsclient_gen.languages.python.examples import example_classes
from tfsclient_gen.languages.python.imports import ALWAYS, imports
from tfsclient_gen.languages.python.methods import methods
from tfsclient_gen.languages.python.names import module_name, module_names, why_not_module
from tfsclient_gen.quoting import code
from tfsclient_gen.target import Run


def lock_file(name: str) -> str:
    """The lock file beside the module; several models may share a folder."""
    return f"{module_name(name)}.lock.json"


def files(run: Run) -> dict[str, str]:
    """The client's module; its docstring says what is left out."""
    model = run.model
    module = module_name(run.name)
    plain = module.removesuffix("_model")
    why = why_not_module(plain) if plain != module else None
    run.tell_name("module", module, f"{plain} is {why}" if why else "")
    names = module_names(model, run.name)
    rest = run.rest_only
    classes = example_classes(model, names)
    examples = [example for wire, example in classes.items() if wire == example.wire]
    found = methods(model, names, classes, run.outputs)
    clients = [names.client, names.async_client]
    exported = [*clients, *(m.example for m in found if m.example is not None)]
    exported += [m.result for m in found if m.kind == "predict"]
    exported.sort(key=layout.ruff_order)
    needed = [*(method.imports for method in found), *(example.imports for example in examples)]
    listed = "_SIGNATURES" if found else "_SIGNATURES: list[Signature]"
    text = run.templates.render(
        "python/client.py.j2",
        model=model.name,
        module=code(module),
        client=names.client,
        server=code("http://localhost:8501" if rest else "localhost:8500"),
        rest=rest,
        about=[layout.doc(indent, prose(model.description)) for indent in (0, 4)]
        if model.description
        else [],
        methods=found,
        # The examples in docstrings show the signature that most will call.
        shown=sorted(found, key=lambda m: m.name.wire != DEFAULT_SIGNATURE)[:1],
        examples=examples,
        left_out=[layout.doc(4, f"``{gone.signature}``: {gone.reason}.") for gone in run.left_out],
        imports=imports(ALWAYS.union(*needed)),
        exported=layout.fit(0, "__all__ = [", [f'"{name}"' for name in exported], "]"),
        # Python 3.10 has no Self, which an __enter__ of our own would want.
        head=layout.class_head(names.client, "AbstractContextManager"),
        async_head=layout.class_head(names.async_client, "AbstractAsyncContextManager"),
        signatures=layout.fit(0, f"{listed} = [", [m.constant for m in found], "]"),
    )
    return {f"{module}.py": text}
