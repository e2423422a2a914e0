"""ADBC's driver for Flight SQL against agentsh: the ready questions, the tables, what is refused.

    flight_sql.py --uri grpc://HOST:PORT [--key KEY --by header|bearer|basic|pyarrow]

Reads `{"questions": {NAME: SQL}}` from standard input and prints one JSON object: the columns and rows of each question, the tables with
their columns as the driver finds them, and what the server says to what is refused. It compares nothing: the test does.
"""

import argparse
import datetime
import json
import sys

import adbc_driver_flightsql.dbapi as flight_sql
import adbc_driver_manager
import pyarrow
import pyarrow.flight as flight
from adbc_driver_flightsql import DatabaseOptions

WRITES = [
    "INSERT INTO events VALUES (1)",
    "DROP TABLE events",
    "CREATE TABLE t AS SELECT 1",
    "COPY events TO '/tmp/x'",
    "SELECT 1; DROP TABLE events",
]


def plain(value):
    """A value as JSON has it; bytes in hex, times in RFC 3339 with microseconds."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def options(arguments):
    """How the key is shown, in the words of the driver."""
    if arguments.key is None:
        return {}
    return {
        "header": {DatabaseOptions.RPC_CALL_HEADER_PREFIX.value + "x-api-key": arguments.key},
        "bearer": {DatabaseOptions.AUTHORIZATION_HEADER.value: "Bearer " + arguments.key},
        "basic": {"username": "analyst", "password": arguments.key},
    }[arguments.by]


def refusal(connection, sql):
    """What the server says to what it refuses; None if it does not."""
    with connection.cursor() as cursor:
        try:
            cursor.execute(sql)
            cursor.fetchall()
        except adbc_driver_manager.Error as error:
            return [type(error).__name__, str(error)]
    return None


def ingested(connection):
    """What the server says to rows that should become a table."""
    with connection.cursor() as cursor:
        try:
            cursor.adbc_ingest("events", pyarrow.table({"seq": [1]}), mode="append")
        except adbc_driver_manager.Error as error:
            return [type(error).__name__, str(error)]
    return None


def by_pyarrow(uri, key):
    """What Arrow's client in C++ is answered, with a token for its password and without."""
    client = flight.FlightClient(uri)
    try:
        list(client.list_actions())
        without = None
    except flight.FlightUnauthenticatedError as error:
        without = str(error)
    token = client.authenticate_basic_token("analyst", key)
    actions = client.list_actions(flight.FlightCallOptions(headers=[token]))
    return {"without": without, "actions": [action.type for action in actions]}


def tables(connection):
    """Every table with its columns, as the driver puts them together from catalogs, schemas and tables."""
    found = {}
    for catalog in connection.adbc_get_objects(depth="all").read_all().to_pylist():
        for schema in catalog["catalog_db_schemas"]:
            for table in schema["db_schema_tables"]:
                name = ".".join([catalog["catalog_name"], schema["db_schema_name"], table["table_name"]])
                columns = [column["column_name"] for column in table["table_columns"]]
                found[name] = {"type": table["table_type"], "columns": columns}
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--uri", required=True)
    parser.add_argument("--key")
    parser.add_argument("--by", choices=["header", "bearer", "basic", "pyarrow"], default="header")
    arguments = parser.parse_args()
    asked = json.load(sys.stdin)["questions"]
    if arguments.by == "pyarrow":
        json.dump(by_pyarrow(arguments.uri, arguments.key), sys.stdout)
        return
    answers = {}
    with flight_sql.connect(arguments.uri, db_kwargs=options(arguments), autocommit=True) as connection:
        for name, sql in asked.items():
            with connection.cursor() as cursor:
                cursor.execute(sql)
                table = cursor.fetch_arrow_table()
            rows = [[plain(value) for value in row.values()] for row in table.to_pylist()]
            answers[name] = {"columns": table.column_names, "rows": rows}
        with connection.cursor() as cursor:
            cursor.adbc_prepare("SELECT count(*) AS n FROM events")
            cursor.execute("SELECT count(*) AS n FROM events")
            prepared = cursor.fetchone()[0]
        schema = connection.adbc_get_table_schema("events", db_schema_filter="public")
        answer = {
            "info": {str(key): value for key, value in connection.adbc_get_info().items()},
            "answers": answers,
            "prepared": prepared,
            "tables": tables(connection),
            "table_types": connection.adbc_get_table_types(),
            "schema": {field.name: str(field.type) for field in schema},
            "refused": {sql: refusal(connection, sql) for sql in WRITES},
            "ingest": ingested(connection),
            "wrong": refusal(connection, "SELECT kin FROM events"),
        }
    json.dump(answer, sys.stdout, default=str)


main()
