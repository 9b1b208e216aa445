"""One statement to an engine, and its result in the same types and times from each of them."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from eventmill.config.errors import EventmillError
from eventmill.config.settings import Settings

Value = str | int | float | bool | Decimal | None
PRESTO_SECONDS = 30
PRESTO_POLL_SECONDS = 0.05
"""The client's pause between two looks for rows; its own of a second is longer than most queries take."""

PRESTO_TYPES: dict[str, Callable[[str], Any]] = {"decimal": Decimal, "timestamp": datetime.fromisoformat}


class SqlError(EventmillError):
    """An engine refused a statement; the message is the engine's own."""


@dataclass(frozen=True)
class QueryResult:
    """The columns and rows of an answer; both are empty for a statement that gives none. Times are texts in UTC."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Value, ...], ...] = ()


def hive(settings: Settings, statement: str) -> QueryResult:
    """Ask HiveServer2."""
    from pyhive.exc import Error

    with closing(connect_hive(settings)) as connection, closing(connection.cursor()) as cursor:
        try:
            cursor.execute(_single(statement))
            return _fetch(cursor)
        except Error as error:
            raise SqlError(f"Hive: {_hive_message(error)}") from error


def connect_hive(settings: Settings) -> Any:
    """A connection to HiveServer2, for the caller to close."""
    from pyhive import hive

    plain_names = {"hive.resultset.use.unique.column.names": "false"}
    return hive.connect(
        settings.hive_server_host, settings.hive_server_port, username="eventmill", configuration=plain_names
    )


def _hive_message(error: Exception) -> str:
    status = getattr(error.args[0], "status", None) if error.args else None
    return _first_line(getattr(status, "errorMessage", None) or str(error))


def presto(settings: Settings, statement: str) -> QueryResult:
    """Ask Presto; names without a catalog are Hive's."""
    from pyhive import presto
    from pyhive.exc import Error

    options = {"username": "eventmill", "catalog": "hive", "schema": "default", "poll_interval": PRESTO_POLL_SECONDS}

    @retry(
        retry=retry_if_exception(_is_starting), stop=stop_after_delay(PRESTO_SECONDS), wait=wait_fixed(1), reraise=True
    )
    def ask() -> QueryResult:
        with closing(presto.connect(settings.presto_host, settings.presto_port, **options)) as connection:
            cursor = connection.cursor()
            cursor.execute(_single(statement))
            rows = cursor.fetchall()
            return _presto_result(cursor.description or [], rows)

    try:
        return ask()
    except Error as error:
        raise SqlError(f"Presto: {_first_line(_presto_error(error).get('message') or str(error))}") from error


def _presto_error(error: BaseException) -> dict[str, str]:
    """The fields of an error that Presto reports."""
    told = error.args[0] if error.args else None
    return told if isinstance(told, dict) else {}


def _is_starting(error: BaseException) -> bool:
    """True if the server just needs some more seconds: it serves before it knows that it is a worker too."""
    return _presto_error(error).get("errorName") in ("NO_NODES_AVAILABLE", "SERVER_STARTING_UP")


def _presto_result(description: Sequence[Any], rows: Sequence[Sequence[Any]]) -> QueryResult:
    """Presto gives times and decimals as texts; the description has their types."""
    read = [PRESTO_TYPES.get(column[1].partition("(")[0]) for column in description]
    cells = [
        [cell if cell is None or not parse else parse(cell) for parse, cell in zip(read, row, strict=True)]
        for row in rows
    ]
    return _result([column[0] for column in description], cells)


def mysql(settings: Settings, statement: str) -> QueryResult:
    """Ask MySQL; what the statement changes is kept."""
    from mysql.connector import Error

    from eventmill.databases.mysql import connect

    with connect(settings) as connection, closing(connection.cursor()) as cursor:
        try:
            cursor.execute(_single(statement))
            result = _fetch(cursor)
            connection.commit()
        except Error as error:
            raise SqlError(f"MySQL: {_first_line(str(error.msg))}") from error
        return result


def spark(settings: Settings, statement: str) -> QueryResult:
    """Ask Spark SQL, which reads Hive's tables; a session is started for the one statement."""
    with _log_aside(settings.state_dir / "logs" / "sql-spark.log"):
        return _spark(settings, _single(statement))


def _spark(settings: Settings, statement: str) -> QueryResult:
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    from eventmill.spark.session import spark_session

    spark = spark_session(settings, "sql", hive=True)
    try:
        table = spark.sql(statement).toArrow()
    except PySparkException as error:
        raise SqlError(f"Spark: {_first_line(error.getMessage() or str(error))}") from error
    except Py4JJavaError as error:
        raise SqlError(f"Spark: {_first_line(str(error.java_exception))}") from error
    finally:
        spark.stop()
    return _result(table.column_names, [tuple(row.values()) for row in table.to_pylist()])


def cassandra(settings: Settings, statement: str) -> QueryResult:
    """Ask Cassandra, in CQL."""
    from cassandra import InvalidRequest, OperationTimedOut, RequestExecutionException

    from eventmill.databases.cassandra import cassandra_session

    with cassandra_session(settings) as client:
        try:
            found = client.execute(_single(statement))
        except (InvalidRequest, RequestExecutionException, OperationTimedOut) as error:
            raise SqlError(f"Cassandra: {_first_line(str(error))}") from error
        return _result(found.column_names or (), [tuple(row) for row in found])


def postgres(settings: Settings, statement: str, values: Mapping[str, Value] | None = None) -> QueryResult:
    """Ask PostgreSQL, with values for the statement's `%(name)s`; what the statement changes is kept."""
    from psycopg import Error

    from eventmill.databases.postgres import connect

    with connect(settings) as connection:
        try:
            cursor = connection.execute(_single(statement), values)
            return _fetch(cursor)
        except Error as error:
            raise SqlError(f"PostgreSQL: {_first_line(str(error))}") from error


@contextmanager
def _log_aside(path: Path) -> Iterator[None]:
    """Let this process and those that it starts write their standard error to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = os.dup(2)
    try:
        with path.open("wb") as file:
            os.dup2(file.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


ENGINES: dict[str, Callable[[Settings, str], QueryResult]] = {
    "presto": presto,
    "hive": hive,
    "mysql": mysql,
    "spark": spark,
    "cassandra": cassandra,
    "postgres": postgres,
}


def _single(statement: str) -> str:
    """The statement without the semicolon that consoles want and drivers refuse."""
    return statement.strip().rstrip(";")


def _first_line(message: str) -> str:
    return message.strip().splitlines()[0] if message.strip() else "no message"


def _fetch(cursor: Any) -> QueryResult:
    if cursor.description is None:
        return QueryResult()
    return _result([column[0] for column in cursor.description], cursor.fetchall())


def _result(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> QueryResult:
    return QueryResult(tuple(columns), tuple(tuple(normalized(cell) for cell in row) for row in rows))


def texts(values: Iterable[str]) -> str:
    """The literals of values of our own, such as days, sorted and separated by commas."""
    return ", ".join(f"'{value}'" for value in sorted(values))


def normalized(cell: Any) -> Value:
    """A cell in the one form that it has from every engine: times in UTC as `yyyy-MM-dd HH:mm:ss`, bytes as text."""
    if cell is None or isinstance(cell, bool | int | float | Decimal | str):
        return cell
    if isinstance(cell, datetime):
        return time_text(cell)
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, bytes | bytearray):
        return bytes(cell).decode(errors="backslashreplace")
    return msgspec.json.encode(cell).decode()


def time_text(moment: datetime) -> str:
    """The time in UTC, with a fraction only where there is one."""
    if moment.tzinfo:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    text = f"{moment:%Y-%m-%d %H:%M:%S.%f}"
    return text.rstrip("0").rstrip(".") if moment.microsecond else text[:-7]


def cell_text(cell: Value) -> str:
    """A value as text."""
    if cell is None:
        return "NULL"
    return str(cell).lower() if isinstance(cell, bool) else str(cell)


def as_csv(result: QueryResult) -> str:
    """A header and the rows, separated by commas; NULL is an empty field."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    if result.columns:
        writer.writerow(result.columns)
    writer.writerows([("" if cell is None else cell_text(cell)) for cell in row] for row in result.rows)
    return lines.getvalue().rstrip("\n")


def as_json(result: QueryResult) -> str:
    """An array of one object a row; numbers stay numbers."""
    objects = [dict(zip(result.columns, row, strict=True)) for row in result.rows]
    return msgspec.json.Encoder(decimal_format="number").encode(objects).decode()
