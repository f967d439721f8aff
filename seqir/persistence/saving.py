"""Models and weights in Keras's files: written so that Keras reads them, and back."""

from __future__ import annotations

import datetime
import functools
import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from seqir.errors import (
    CorruptFileError,
    UnsupportedError,
)
from seqir.files import staged
from seqir.formats import archive, jsontext, kinds, legacy, own, weights
from seqir.formats.budget import check_calls
from seqir.formats.entries import modern, older, release_of
from seqir.formats.fitting import Fitting
from seqir.formats.hdf5 import H5Reader, create_hdf5, open_hdf5
from seqir.formats.kinds import CONFIG, HDF5, METADATA, WEIGHTS
from seqir.formats.objects import Decoder, json_value
from seqir.layer.configuration import entry as layer_entry
from seqir.layer.scope import without_values
from seqir.layer.state import state_of
from seqir.layers import Layer
from seqir.layers.feature_space import FeatureSpace
from seqir.narrow import is_dict
from seqir.network.base import Network
from seqir.optimizers import Optimizer
from seqir.persistence.configuration import decoder_for, entry
from seqir.persistence.training import Compiling, compile_arguments
from seqir.persistence.weights import target, weights_in

KERAS_VERSION: Final = "3.15.1"
"""The release of Keras whose files are written: what a reader has to understand."""


# Whole models.


def save_model(
    model: Network,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    include_optimizer: bool = True,
) -> None:
    """Write a model with weights, compile settings and the optimizer's state.

    ``.keras`` is Keras 3's format, ``.h5`` and ``.hdf5`` are the older one.

    Raises: UnsupportedError for another kind of file, or for what no file can keep;
        ExportError if it cannot be written, or is there and `overwrite` is False.
    Source: Keras 3 ``keras.saving.save_model``.
    """
    model.require_built("weights to save")
    path = target(filepath, overwrite)
    suffix = path.suffix.lower()
    if suffix not in (".keras", *HDF5):
        raise UnsupportedError(
            f"cannot save a model as {str(filepath)!r}: the name must end in .keras, "
            "or in .h5 for the older format; weights alone go to save_weights, "
            "what runs elsewhere to export('name.onnx')"
        )
    compiled = include_optimizer and model.compiled
    optimizer = state_of(model).optimizer if compiled else None
    if suffix == ".keras":
        compiling = {"compile_config": model.get_compile_config()} if compiled else {}
        _write_keras(path, model, {**entry(model), **compiling}, optimizer)
        return
    with staged(path) as scratch, create_hdf5(scratch) as file:
        file.attrs["backend"] = "numpy"
        file.attrs["keras_version"] = KERAS_VERSION
        file.attrs["model_config"] = _json(older(entry(model)))
        if optimizer is not None:
            settings = model.get_compile_config()
            stored = settings.pop("optimizer")
            kept = {k: stored[k] for k in ("class_name", "config")}
            settings["optimizer_config"] = kept
            file.attrs["training_config"] = _json(settings)
        legacy.write(file, model, optimizer)


def save_features(
    space: FeatureSpace, filepath: str | os.PathLike[str], overwrite: bool = True
) -> None:
    """Write a FeatureSpace as a ``.keras`` file, with what it has learned.

    Raises: ExportError if it cannot be written, or is there and `overwrite` is False.
    """
    whole = {**layer_entry(space), "build_config": space.get_build_config()}
    _write_keras(target(filepath, overwrite), space, whole)


def _write_keras(
    path: Path, layer: Layer, whole: object, optimizer: Optimizer | None = None
) -> None:
    members: dict[str, archive.Content] = {
        METADATA: _json(_metadata()),
        CONFIG: _json(whole),
        WEIGHTS: functools.partial(weights.write, model=layer, optimizer=optimizer),
    }
    with own.assets_of(layer) as assets:
        archive.write_archive(path, {**members, **assets})


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: Mapping[str, object] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """The model in a ``.keras`` or ``.h5`` file, of Keras or of seqir.

    Nothing in the file is run, whatever `safe_mode` says: classes that are not seqir's
    come from `custom_objects` alone. The architecture is compared with the weights
    before memory is taken for them.

    Raises: LoadError if there is no such file, CorruptFileError for a damaged one,
        UnsafeFileError for one that asks for code or for other files,
        UnsupportedError, with all reasons, for what seqir cannot represent.
    Source: Keras 3 ``keras.saving.load_model``.
    """
    del safe_mode
    path = Path(filepath).expanduser()
    kind = kinds.kind_of(path)
    if kind is None:
        raise UnsupportedError(kinds.no_model_in(path))
    read = _load_keras if kind == "archive" else _load_hdf5
    return read(path, custom_objects, compile)


def _load_keras(
    path: Path, custom: Mapping[str, object] | None, compile: bool
) -> object:
    with archive.open_archive(path) as found:
        where = f"{CONFIG} in {path.name}"
        config = jsontext.parse(found.text(CONFIG), where)
        decoder = decoder_for(path.name, custom)
        with without_values():
            model = _made(config, _version_in(found, path), decoder, path)
        optimizer = None
        if isinstance(model, Network):
            if compile:
                _compile(model, config.get("compile_config"), decoder)
            optimizer = state_of(model).optimizer
        fitting = Fitting(path.name)
        with weights_in(found, path) as kept:
            weights.fit(kept, fitting, model, optimizer)
            if optimizer is not None and not weights.has_state(kept):
                warnings.warn(
                    f"{path.name} holds no state of optimizer {optimizer.name!r}"
                    ", as is usual for those that Keras 2 calls legacy: it starts anew",
                    stacklevel=3,
                )
        fitting.finish()
        own.load_assets(found, model)
    return model


def _load_hdf5(
    path: Path, custom: Mapping[str, object] | None, compile: bool
) -> object:
    with open_hdf5(path) as reader:
        config = _json_attribute(reader, "model_config", path)
        if config is None:
            raise UnsupportedError(
                f"{path.name} holds weights and no model: make the model, and call "
                f"its load_weights({path.name!r})"
            )
        decoder = decoder_for(path.name, custom)
        version = reader.attribute("", "keras_version") or "1"  # which did not say it
        with without_values():
            model = _made(config, version, decoder, path)
        if compile:
            settings = _json_attribute(reader, "training_config", path)
            _compile(model, settings, decoder)
        fitting = Fitting(path.name)
        legacy.fit(reader, fitting, model)
        if state_of(model).optimizer is not None:
            legacy.fit_state(reader, fitting, model, state_of(model).optimizer)
        fitting.finish()
    return model


def _made(config: Any, version: object, decoder: Decoder, path: Path) -> Any:
    model = _decoded(config, version, decoder)
    found = config.get("build_config")
    if isinstance(model, FeatureSpace):
        with decoder.reasons.gather(f"layer {model.name!r}"):
            model.build_from_config(found if is_dict(found) else {})
        decoder.reasons.check()
        return model
    if not isinstance(model, Network):
        raise CorruptFileError(f"{path.name} does not hold a model")
    shape = found.get("input_shape") if is_dict(found) else None
    if not model.built and shape:
        with decoder.reasons.gather(f"model {model.name!r}"):
            model.build(_shapes(shape))
        decoder.reasons.check()
    model.settle()
    if not model.built:
        raise UnsupportedError(
            f"model {model.name!r} in {path.name} was saved before it was built, it "
            "has no weights and no input shape: build it in Keras and save again"
        )
    return model


def _decoded(config: object, version: object, decoder: Decoder) -> object:
    """What an entry describes, that was written by a version of Keras.

    Raises: UnsafeFileError, UnsupportedError or CorruptFileError with all reasons.
    """
    check_calls(config, decoder.reasons.source)
    model = None
    with decoder.reasons.gather("the configuration"):
        found = modern(config, release_of(version) or 3, decoder.custom)
        model = decoder.layer(found)
    decoder.reasons.check()
    return model


def _shapes(found: Any) -> Any:
    """A shape, or a structure of shapes, as `build` takes it: JSON has no tuples."""
    if is_dict(found):
        return {k: _shapes(v) for k, v in found.items()}
    inner = any(isinstance(s, list | dict) for s in found)
    return [_shapes(s) for s in found] if inner else tuple(found)


def _compile(model: Any, settings: object, decoder: Decoder) -> None:
    """Compile a model with what a file says, as far as its class takes it."""
    if not settings:
        return
    if model.overrides("compile_from_config"):
        model.compile_from_config(settings)
        return
    if model.overrides("compile"):
        warnings.warn(
            f"model {model.name!r} is not compiled: compile of "
            f"{type(model).__name__} takes arguments of its own; call it, or define "
            "compile_from_config",
            stacklevel=4,
        )
        return
    _compile_with(model, settings, decoder)


def _compile_with(model: Compiling, settings: object, decoder: Decoder) -> None:
    arguments: dict[str, Any] = {}
    with decoder.reasons.gather(
        "what the model was compiled with (compile=False skips it)"
    ):
        arguments = compile_arguments(settings, decoder)
        model.compile(**arguments)
    decoder.reasons.check()


def compile_from(model: Compiling, config: dict[str, Any]) -> None:
    """Compile with these settings, and make the slots of the optimizer.

    Raises: CorruptFileError, UnsafeFileError or UnsupportedError with all reasons.
    """
    _compile_with(model, config, decoder_for("the compile settings", None))
    trained = model.trainable_weights if model.built else []
    if model.compilation.optimizer is not None and trained:
        model.compilation.check_trained(trained)


def _version_in(found: archive.Archive, path: Path) -> object:
    """The version of Keras that wrote an archive."""
    if METADATA not in found.names:
        return None
    metadata = jsontext.parse(found.text(METADATA), f"{METADATA} in {path.name}")
    return metadata.get("keras_version") if is_dict(metadata) else None


# Architectures.


def to_json(model: Network, **json_kwargs: Any) -> str:
    """The architecture and the compile settings as JSON text; no weights."""
    whole = {**entry(model), "compile_config": model.get_compile_config()}
    return json.dumps(whole, default=json_value, **json_kwargs)


def model_from_json(
    json_string: str, custom_objects: Mapping[str, object] | None = None
) -> Any:
    """The model, with new weights, that `to_json` (or that of Keras) describes.

    Raises: as `load_model`.
    Source: Keras 3 ``keras.models.model_from_json``.
    """
    config = jsontext.parse(json_string, "the JSON text")
    if isinstance(config, str):  # json.dump(model.to_json())
        config = jsontext.parse(config, "the JSON text in the JSON text")
    version = None
    if is_dict(config):  # Keras 3 does not say it
        version = config.get("keras_version", None if "module" in config else "2")
    return _decoded(config, version, decoder_for("the JSON text", custom_objects))


# Parts.


def _metadata() -> dict[str, str]:
    now = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    return {"keras_version": KERAS_VERSION, "date_saved": now}


def _json(value: object) -> bytes:
    return json.dumps(value, default=json_value).encode()


def _json_attribute(reader: H5Reader, name: str, path: Path) -> object:
    text = reader.attribute("", name)
    if text is None:
        return None
    if not isinstance(text, str):
        raise CorruptFileError(f"{name} in {path.name} is not text")
    return jsontext.parse(text, f"{name} in {path.name}")
