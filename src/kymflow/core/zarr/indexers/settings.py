"""The settings of an indexer: the fields of a dataclass or pydantic model, and copies with other values."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import typing
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from kymflow.core.zarr.indexers.setting_types import Misfit, fit, from_text, in_words, plain
from kymflow_zarr.errors import SettingError

# Members of the contract are no settings, also where a dataclass has them as fields.
_OF_CONTRACT = frozenset(
    {"name", "table_name", "schema_version", "columns", "bulk_artifact", "reads", "sources"}
)
_NOTHING: Any = object()


@dataclasses.dataclass(frozen=True)
class Setting:
    """One setting that an indexer declares.

    Attributes
    ----------
    name : str
        The field's.
    type : object
        As declared.
    make_default : callable or None
        Gives the default; None if there is none.
    """

    name: str
    type: Any
    make_default: Callable[[], Any] | None = None

    def __str__(self) -> str:
        return f"{self.name} ({in_words(self.type)})"


@dataclasses.dataclass(frozen=True)
class Typed:
    """A value that somebody typed on a command line, to be read as the setting's type wants it.

    Attributes
    ----------
    text : str
        The value.
    option : str
        All that was typed, for messages.
    """

    text: str
    option: str


def settings_of(indexer: object) -> dict[str, Setting]:
    """Return the settings that an indexer declares: the init fields of its dataclass, or its model's fields.

    Fields that are members of the contract (``name``, ``columns``, ...), that begin with ``_`` or that
    take no part in comparisons (``field(compare=False)``) are none.
    """
    cls = indexer if isinstance(indexer, type) else type(indexer)
    if dataclasses.is_dataclass(cls):
        found = [_of_field(cls, field) for field in dataclasses.fields(cls) if field.init and field.compare]
    elif isinstance(fields := getattr(cls, "model_fields", None), Mapping):
        found = [_of_model(name, field) for name, field in fields.items()]
    else:
        return {}
    return {one.name: one for one in found if one.name not in _OF_CONTRACT and not one.name.startswith("_")}


def _of_field(cls: type, field: dataclasses.Field[Any]) -> Setting:
    if field.default_factory is not dataclasses.MISSING:
        make_default: Callable[[], Any] | None = field.default_factory
    elif field.default is not dataclasses.MISSING:
        make_default = partial(getattr, field, "default")
    else:
        make_default = None
    return Setting(field.name, _resolved(cls, field, make_default), make_default)


def _of_model(name: str, field: Any) -> Setting:
    required = field.is_required()
    return Setting(
        name, field.annotation, None if required else lambda: field.get_default(call_default_factory=True)
    )


def _resolved(cls: type, field: dataclasses.Field[Any], make_default: Callable[[], Any] | None) -> Any:
    """Return the type of a field; where its text names what cannot be found, that of its default."""
    if not isinstance(field.type, str):
        return field.type
    owner = next(base for base in cls.__mro__ if field.name in inspect.get_annotations(base))
    stand_in = type("_", (), {"__annotations__": {field.name: field.type}, "__module__": owner.__module__})
    try:
        return typing.get_type_hints(stand_in, include_extras=True)[field.name]
    # A name of the function that the class is made in, say: whatever is raised, the type is not known.
    except Exception:  # noqa: BLE001
        default = make_default() if make_default is not None else None
        return Any if default is None else type(default)


def values_of(indexer: object) -> dict[str, Any]:
    """Return the values of an indexer's settings as plain values; those that are none do not count."""
    return _plain_values(
        (name, getattr(indexer, name, _NOTHING), setting) for name, setting in settings_of(indexer).items()
    )


def defaults_of(indexer: object) -> dict[str, Any]:
    """Return the defaults of an indexer's settings as plain values."""
    return _plain_values(
        (name, one.make_default(), one)
        for name, one in settings_of(indexer).items()
        if one.make_default is not None
    )


def _plain_values(values: typing.Iterable[tuple[str, Any, Setting]]) -> dict[str, Any]:
    found = {}
    for name, value, setting in values:
        # What a program gave is compared with what a file gave: 3 is 3.0 where a float is declared.
        with suppress(Misfit):
            value = fit(value, setting.type)
        try:
            found[name] = plain(value)
        except TypeError:
            continue
    return found


def with_settings(indexer: Any, name: str, values: Mapping[str, Any], where: str) -> Any:
    """Return a copy of an indexer with other values of some settings.

    Parameters
    ----------
    indexer : DatasetIndexer
        It stays as it is.
    name : str
        Its name.
    values : mapping
        By setting: a value, or a :class:`Typed` one.
    where : str
        Where they are from, for messages: a file, or an option.

    Raises
    ------
    SettingError
        An unknown setting, a value of another type, or one that the indexer refuses.
    """
    fitting = {key: _fitting(indexer, name, key, value, where) for key, value in values.items()}
    # The author's own checks run here; whatever they raise is a refusal.
    try:
        if dataclasses.is_dataclass(type(indexer)):
            return dataclasses.replace(indexer, **fitting)
        present = {field: getattr(indexer, field) for field in type(indexer).model_fields}
        return type(indexer).model_validate({**present, **fitting})
    except Exception as error:
        told = ", ".join(f"{key} = {value!r}" for key, value in fitting.items())
        raise SettingError(
            f"{_origin(where, *values.values())}: indexer {name!r} refuses {told}: {_in_words(error)}",
            indexer=name,
        ) from error


def _fitting(indexer: object, name: str, key: str, value: Any, where: str) -> Any:
    """Return a value as the declared type of its setting wants it."""
    where = _origin(where, value)
    settings = settings_of(indexer)
    if key not in settings:
        raise SettingError(f"{where}: {_unknown(name, key, settings)}", indexer=name)
    kind, got = settings[key].type, value
    try:
        if isinstance(value, Typed):
            got = value.text
            return from_text(got, kind)
        return fit(value, kind)
    except Misfit as misfit:
        if not dataclasses.is_dataclass(type(indexer)):
            # A model has its own ways to take a value, and to refuse it.
            return got
        raise SettingError(
            f"{where}: setting {key!r} of indexer {name!r} must be {misfit}, got {got!r}", indexer=name
        ) from misfit


def _origin(where: str, *values: Any) -> str:
    """Return where values are from: an option, if one of them was typed."""
    return next((value.option for value in values if isinstance(value, Typed)), where)


def _unknown(name: str, key: str, settings: Mapping[str, Setting]) -> str:
    if not settings:
        return (
            f"indexer {name!r} has no settings, got {key!r}. "
            "Only fields of a dataclass or a pydantic model can be set"
        )
    close = difflib.get_close_matches(key, settings, 1, 0.5)
    meant = f"; did you mean {close[0]!r}?" if close else "."
    return f"indexer {name!r} has no setting {key!r}{meant} It has: {', '.join(map(str, settings.values()))}"


def _in_words(error: Exception) -> str:
    # Of pydantic's errors, the sentences alone.
    errors = getattr(error, "errors", None)
    if callable(errors):
        return "; ".join(str(one.get("msg", one)) for one in errors())
    return " ".join(str(error).split()) or type(error).__name__
