"""Spark's types from the event contracts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from msgspec import inspect
from pyspark.sql import types as T

from eventmill.contracts.field_types import LOCAL, id_text

SCALARS: Mapping[type[inspect.Type], type[T.DataType]] = {
    inspect.StrType: T.StringType,
    inspect.LiteralType: T.StringType,
    inspect.UUIDType: T.StringType,
    inspect.DateTimeType: T.TimestampType,
    inspect.IntType: T.LongType,
    inspect.FloatType: T.DoubleType,
    inspect.BoolType: T.BooleanType,
    inspect.BytesType: T.BinaryType,
}


def struct_type(contract: type) -> T.StructType:
    """The schema of a contract; a field is nullable when its type allows None.

    Raises:
        TypeError: when a field has a type that Spark has no equal for here.
    """
    kind = inspect.type_info(contract)
    if not isinstance(kind, inspect.StructType):
        raise TypeError(f"{contract.__name__} is no msgspec.Struct")
    return _struct(kind)


def column_type(contract: type, path: str) -> T.DataType:
    """The type of one field, named by its path such as `context.source`."""
    return _field(_walk(contract, path)[-1]).dataType


def attribute(contract: type, path: str) -> str:
    """The path of a field in Python, where `User-Agent` is `user_agent`."""
    return ".".join(field.name for field in _walk(contract, path))


def getter(contract: type, path: str) -> Callable[[Any], Any]:
    """A function that takes a field from an event in the form that its column has.

    Numbers of an identifier become text; a clock's time loses its offset, so that Arrow doesn't subtract it.
    """
    get, kind = attrgetter(attribute(contract, path)), _walk(contract, path)[-1].type
    if isinstance(kind, inspect.Metadata) and (kind.extra or {}).get("clock") == LOCAL:
        return lambda event: get(event).replace(tzinfo=None)
    if isinstance(kind, inspect.UnionType) and _is_id(_choices(kind)):
        return lambda event: id_text(get(event))
    return get


def _walk(contract: type, path: str) -> list[inspect.Field]:
    """The fields on the way to one.

    Raises:
        KeyError: when there is no such field.
    """
    kind, walked = inspect.type_info(contract), []
    for name in path.split("."):
        fields = kind.fields if isinstance(kind, inspect.StructType) else ()
        found = next((field for field in fields if field.encode_name == name), None)
        if not found:
            raise KeyError(f"{contract.__name__} has no field {path}")
        walked.append(found)
        kind = found.type
    return walked


def _struct(kind: inspect.StructType) -> T.StructType:
    return T.StructType([_field(field) for field in kind.fields])


def _field(field: inspect.Field) -> T.StructField:
    kind = field.type
    nullable = False
    if isinstance(kind, inspect.UnionType):
        choices = _choices(kind)
        nullable, kind = len(choices) < len(kind.types), choices[0]
        if len(choices) > 1 and not _is_id(choices):
            raise TypeError(f"field {field.encode_name}: no Spark type holds {len(choices)} types at once")
    return T.StructField(field.encode_name, _type(kind), nullable)


def _choices(kind: inspect.UnionType) -> list[inspect.Type]:
    """The types of a union but null; of an identifier's the text is the first."""
    choices = [choice for choice in kind.types if not isinstance(choice, inspect.NoneType)]
    return sorted(choices, key=lambda choice: not isinstance(_plain(choice), inspect.StrType))


def _is_id(choices: list[inspect.Type]) -> bool:
    """True for text or whole numbers, which are stored as text."""
    return [type(_plain(choice)) for choice in choices] == [inspect.StrType, inspect.IntType]


def _plain(kind: inspect.Type) -> inspect.Type:
    """The type without its description."""
    return kind.type if isinstance(kind, inspect.Metadata) else kind


def _type(kind: inspect.Type) -> T.DataType:
    if isinstance(kind, inspect.Metadata):
        return _type(kind.type)
    if isinstance(kind, inspect.StructType):
        return _struct(kind)
    if isinstance(kind, inspect.ListType):
        return T.ArrayType(_type(kind.item_type), containsNull=False)
    try:
        return SCALARS[type(kind)]()
    except KeyError:
        raise TypeError(f"no Spark type for {type(kind).__name__}") from None
