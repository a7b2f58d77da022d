"""Where schemas come from beside a server's metadata answer: a SavedModel folder, a saved file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from tfsclient._codec.metadata import from_metadata_response, read_signatures
from tfsclient._codec.metadata_json import from_metadata_json
from tfsclient._codec.model_ref import ModelRef
from tfsclient.errors import (
    Code,
    InvalidInput,
    MissingExtra,
    TFSError,
    from_code,
)
from tfsclient.schema import Model, all_from_json
from tfsclient.schema._checks import check_type
from tfsclient.sources._flaws import SERVE_TAG, Flaw, flaws_in
from tfsclient.sources._versions import version_number

if TYPE_CHECKING:
    from tfsclient.meaning import Meaning

MEANING = Path("assets.extra", "meaning.toml")  # in a version folder


def from_saved_model(
    path: str | Path,
    name: str | None = None,
    *,
    tags: str | Iterable[str] | None = None,
    version: int | None = None,
    meaning: Meaning | None = None,
) -> Model:
    """The model in a SavedModel folder; TensorFlow is not needed.

    Only the graph shows what tf.Examples are parsed into, so only from here is that known.  What
    signatures cannot say is read from ``assets.extra/meaning.toml`` in the version folder.

    Args:
        path: a version folder (holding saved_model.pb), or the folder of versions: the highest.
        name: what to call the model; None takes the name of the folder of versions.
        tags: the tags of the graph to read, as "serve,tpu" or one by one.  None takes the only
            graph, whatever its tags, or else the one tagged "serve"; ``Model.tags`` says which.
        version: the version folder to read; None takes the highest.
        meaning: what signatures cannot say, in place of what the folder has.

    Raises:
        InvalidInput: there is no SavedModel, or it cannot be read, or the meaning does not fit it;
            the text says which and where.
        MissingExtra: protobuf is not installed.
    """
    from tfsclient.sources._features import read_examples

    check_type("path", path, (str, PathLike))
    number, folder = find_version(Path(path), version)
    if name is None:
        resolved = folder.resolve()
        name = resolved.name if number is None else resolved.parent.name
    try:
        meta_graph = pick_meta_graph(folder, tags)
        definitions = meta_graph.signature_def
        examples = read_examples(meta_graph.graph_def, definitions)
        found = tuple(sorted(meta_graph.meta_info_def.tags))
        model = Model(name, number, read_signatures(definitions, examples), found)
    except MissingExtra:
        raise
    except TFSError as error:
        raise InvalidInput(f"{folder}: {error.details}", model=name, hint=error.hint) from error
    return _with_meaning(model, folder, meaning)


def _with_meaning(model: Model, folder: Path, meaning: Meaning | None) -> Model:
    """The model with what is given, or else with what its folder has."""
    file = folder / MEANING
    try:
        there = meaning is None and file.exists()
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}", model=model.name) from error
    if meaning is None and not there:
        return model
    from tfsclient.meaning import attach, read  # with a reader of TOML, which few need

    return attach(read(file) if meaning is None else meaning, model)


def find_flaws(
    path: str | Path,
    *,
    tags: str | Iterable[str] | None = None,
    version: int | None = None,
) -> list[Flaw]:
    """What keeps TF Serving from running the model in a folder; TensorFlow is not needed.

    Args:
        path: a version folder (holding saved_model.pb), or the folder of versions: the highest.
        tags: the tags of the graph to look at; None picks one as :func:`from_saved_model` does.
        version: the version folder to look at; None takes the highest.

    Raises:
        InvalidInput: there is no SavedModel, or it cannot be read; the text says which and where.
        MissingExtra: protobuf is not installed.
    """
    check_type("path", path, (str, PathLike))
    _, folder = find_version(Path(path), version)
    try:
        return flaws_in(pick_meta_graph(folder, tags))
    except MissingExtra:
        raise
    except TFSError as error:
        raise InvalidInput(f"{folder}: {error.details}", hint=error.hint) from error


def find_version(folder: Path, version: int | None) -> tuple[int | None, Path]:
    """The folder that holds a SavedModel, and which version that is.

    Args:
        folder: itself a SavedModel, or a folder of versions.
        version: the version to find; None for the highest.

    Raises:
        InvalidInput: there is none, or it cannot be read.
    """
    try:
        return _find_version(folder, version)
    except OSError as error:
        raise InvalidInput(f"cannot read {error.filename}: {error.strerror}") from error


def _find_version(folder: Path, version: int | None) -> tuple[int | None, Path]:
    wanted = ModelRef("model", version).version  # one rule for what a version is
    if _has_saved_model(folder):
        number = _version_of(folder)
        if wanted not in (None, number):
            is_ = "not a version folder" if number is None else f"version {number}"
            raise InvalidInput(f"{folder} is {is_}, so it is not version {wanted}")
        return number, folder
    versions = {
        number: child
        for child in (sorted(folder.iterdir()) if folder.is_dir() else [])
        if (number := _version_of(child)) is not None and _has_saved_model(child)
    }
    if not versions:
        raise InvalidInput(
            f"{folder} is not a SavedModel: neither it nor a version folder in it holds "
            "saved_model.pb or saved_model.pbtxt",
            hint="name the model's folder, which holds folders called 1, 2 and so on",
        )
    number = max(versions) if wanted is None else wanted
    if number not in versions:
        there = ", ".join(map(str, sorted(versions)))
        raise InvalidInput(f"{folder} does not hold version {wanted}; it holds {there}")
    return number, versions[number]


def _read_tags(tags: str | Iterable[str] | None) -> frozenset[str] | None:
    if tags is None:
        return None
    listed = tags.split(",") if isinstance(tags, str) else list(tags)
    if not all(isinstance(tag, str) for tag in listed):
        raise InvalidInput(f"tags must be text, not {listed!r}")
    return frozenset(tag.strip() for tag in listed) - {""}


def pick_meta_graph(folder: Path, tags: str | Iterable[str] | None) -> Any:
    """The MetaGraphDef with these tags; without tags the only one, or else the one to serve.

    Raises:
        InvalidInput: there is none, or several that may be meant.
        TFSError: the folder cannot be read.
    """
    return _picked(_meta_graphs(folder), _read_tags(tags))


def _picked(meta_graphs: Sequence[Any], tags: frozenset[str] | None) -> Any:
    by_tags = {frozenset(one.meta_info_def.tags): one for one in reversed(meta_graphs)}
    if tags is None and len(by_tags) == 1:
        return next(iter(by_tags.values()))
    picked = by_tags.get(frozenset({SERVE_TAG}) if tags is None else tags)
    if picked is not None:
        return picked
    there = sorted(",".join(sorted(each)) for each in by_tags)
    if not there:
        raise InvalidInput("it holds no graph")
    if tags is None:
        what = "it holds several graphs, and none is tagged serve alone"
    else:
        wanted = f"exactly the tags {','.join(sorted(tags))}" if tags else "no tags"
        what = f"it holds no graph with {wanted}"
    pick = next(filter(None, there), "")
    raise InvalidInput(
        f"{what}; its graphs are tagged: {'; '.join(each or 'no tags' for each in there)}",
        hint=f'pass --tags {pick}, or tags="{pick}" in Python',
    )


def read_meta_graph(folder: Path, tags: frozenset[str]) -> Any:
    """The MetaGraphDef of a SavedModel with exactly these tags; TensorFlow is not needed.

    Raises:
        TFSError: there is none, with the code and the text of TensorFlow's own loader.
    """
    meta_graphs = _meta_graphs(folder)
    for meta_graph in meta_graphs:
        if set(meta_graph.meta_info_def.tags) == tags:
            return meta_graph
    there = [",".join(sorted(one.meta_info_def.tags)) for one in meta_graphs]
    raise from_code(
        Code.NOT_FOUND,
        "Could not find meta graph def matching supplied tags: { "
        + " ".join(sorted(tags))
        + " }. To inspect available tag-sets in the SavedModel, please use the SavedModel CLI:"
        " `saved_model_cli`",
        hint=f"its graphs are tagged: {'; '.join(each or 'no tags' for each in there)}; start the "
        "server with --saved_model_tags=... of one of them, or make a version tagged serve with "
        "`tfsclient export`",
    )


def _meta_graphs(folder: Path) -> Sequence[Any]:
    """The MetaGraphDefs of a SavedModel.

    Raises:
        TFSError: it cannot be read, with the code and the text of TensorFlow's own loader.
    """
    from tfsclient._codec.messages import ProtobufError, message_class

    saved_model = message_class("tensorflow.SavedModel")()
    from google.protobuf import text_format

    binary, text = folder / "saved_model.pb", folder / "saved_model.pbtxt"
    try:
        if binary.exists():
            saved_model.ParseFromString(binary.read_bytes())
        elif text.exists():
            text_format.Parse(text.read_text("utf-8"), saved_model, allow_unknown_field=True)
        elif (folder / "saved_model.cpb").exists():
            raise from_code(
                Code.UNIMPLEMENTED, f"{folder}: a SavedModel in chunks (saved_model.cpb) is too new"
            )
        else:
            raise from_code(
                Code.NOT_FOUND,
                "Could not find SavedModel .pb or .pbtxt at supplied export directory path:"
                f" {folder}. Check that the directory exists and that you have the right"
                " permissions for accessing it.",
            )
    except ProtobufError:
        raise from_code(Code.DATA_LOSS, f"Can't parse {binary} as binary proto") from None
    except (text_format.ParseError, UnicodeDecodeError, RecursionError):
        raise from_code(Code.DATA_LOSS, f"Can't parse {text} as text proto") from None
    except OSError as error:
        raise from_code(Code.UNKNOWN, str(error)) from None
    return list(saved_model.meta_graphs)


def from_file(path: str | Path, name: str | None = None) -> Model:
    """The model in a saved file: our own schema, a lock file, or saved server metadata.

    Metadata may be REST's JSON or a serialized GetModelMetadataResponse.

    Args:
        path: the file.
        name: which of its models, where a lock file holds several.

    Raises:
        InvalidInput: the file cannot be read, is not one of these, or does not hold that model.
        MissingExtra: it is not JSON, and protobuf is not installed.
    """
    models = all_from_file(path)
    if len(models) == 1:
        return models[0]
    by_name = {model.name: model for model in models}
    if name not in by_name:
        listed = ", ".join(by_name) or "none"
        what = "name one of its models" if name is None else f"it has no model {name!r}"
        raise InvalidInput(f"{path}: {what} ({listed})")
    return by_name[name]


def all_from_file(path: str | Path) -> list[Model]:
    """The models in a saved file: only a lock file may hold several.

    Raises:
        InvalidInput: the file cannot be read, or is not one of those that :func:`from_file` reads.
        MissingExtra: it is not JSON, and protobuf is not installed.
    """
    check_type("path", path, (str, PathLike))
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}") from error
    if not data:
        raise InvalidInput(f"{path} is empty")
    read: Callable[[bytes], Model]
    try:
        answer = orjson.loads(data)
    except orjson.JSONDecodeError:
        # No protobuf message that we read starts with a brace, but one may with whitespace.
        is_schema, read = data.startswith(b"{"), from_metadata_response
    else:
        is_schema, read = (
            not isinstance(answer, dict) or "model_spec" not in answer,
            from_metadata_json,
        )
    try:
        return all_from_json(data) if is_schema else [read(data)]
    except MissingExtra:
        raise
    except TFSError as error:
        if read is from_metadata_response and not is_schema:
            raise InvalidInput(
                f"{path} is neither a schema or lock file in JSON nor a server's metadata: "
                f"{error.details}"
            ) from error
        raise InvalidInput(f"{path}: {error.details}") from error


def _version_of(folder: Path) -> int | None:
    """The version that a folder is; a negative one cannot be asked for."""
    number = version_number(folder.name)
    return None if number is None or number < 0 else number


def _has_saved_model(folder: Path) -> bool:
    return any((folder / f"saved_model.{kind}").is_file() for kind in ("pb", "pbtxt", "cpb"))
