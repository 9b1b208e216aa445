"""Spark's types from the event contracts."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import inspect
from pyspark.sql import types as T

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
        choices = [choice for choice in kind.types if not isinstance(choice, inspect.NoneType)]
        nullable, kind = len(choices) < len(kind.types), choices[0]
        if len(choices) > 1:
            raise TypeError(f"field {field.encode_name}: no Spark type holds {len(choices)} types at once")
    return T.StructField(field.encode_name, _type(kind), nullable)


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
