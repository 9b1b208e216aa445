"""Spark's types from contracts."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace

import msgspec
import pytest
from pyspark.sql import types as T

from eventmill.contracts.events import PageLog, ProductView, UserAction
from spark_jobs.source.schema import attribute, column_type, getter, struct_type


class Item(msgspec.Struct):
    """Made up."""

    productid: str
    quantity: int | None = None
    prices: list[float] = []
    unit_name: str = msgspec.field(name="Unit-Name", default="")


class Odd(msgspec.Struct):
    """Made up, with a field that Spark has no type for."""

    either: float | str


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


@pytest.mark.parametrize(
    ("productid", "text"), [("007", "007"), (7, "7"), (-1, "-1"), (0, "0"), ("", None), (None, None)]
)
def test_an_identifier_becomes_text(productid: str | int | None, text: str | None) -> None:
    assert column_type(UserAction, "productid") == column_type(PageLog, "store_id") == T.StringType()
    assert getter(UserAction, "productid")(SimpleNamespace(productid=productid)) == text


def test_the_time_of_a_clock_loses_its_offset() -> None:
    log = SimpleNamespace(local_time=datetime.fromisoformat("2026-02-01T08:31:22+07:00"))
    assert getter(PageLog, "local_time")(log) == datetime(2026, 2, 1, 8, 31, 22)
