"""Spark's types from contracts."""

from __future__ import annotations

import msgspec
import pytest
from pyspark.sql import types as T

from eventmill.events import ProductView
from spark_jobs.schema import attribute, column_type, struct_type


class Item(msgspec.Struct):
    """Made up."""

    productid: str
    quantity: int | None = None
    prices: list[float] = []
    unit_name: str = msgspec.field(name="Unit-Name", default="")


class Odd(msgspec.Struct):
    """Made up, with a field that Spark has no type for."""

    either: int | str


def test_the_schema_of_product_views() -> None:
    assert struct_type(ProductView).simpleString() == (
        "struct<messageid:string,timestamp:timestamp,event:string,userid:string,"
        "properties:struct<productid:string>,context:struct<source:string>>"
    )


def test_a_field_is_nullable_when_it_may_be_none() -> None:
    kind = struct_type(Item)
    assert [field.nullable for field in kind] == [False, True, False, False]
    assert kind["prices"].dataType == T.ArrayType(T.DoubleType(), containsNull=False)


def test_a_field_is_found_by_its_path() -> None:
    assert column_type(ProductView, "context.source") == T.StringType()
    with pytest.raises(KeyError, match=r"ProductView has no field userid\.name"):
        column_type(ProductView, "userid.name")


def test_a_field_has_its_name_in_the_json_and_one_in_python() -> None:
    assert column_type(Item, "Unit-Name") == T.StringType()
    assert (attribute(Item, "Unit-Name"), attribute(ProductView, "context.source")) == ("unit_name", "context.source")


def test_a_type_that_spark_lacks_is_named() -> None:
    with pytest.raises(TypeError, match="field either: no Spark type holds 2 types at once"):
        struct_type(Odd)
