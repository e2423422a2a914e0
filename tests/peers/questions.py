"""Asks DuckDB questions about the files of a lake, and prints how many seconds each took: questions.py LAKE QUESTIONS(JSON)."""

import json
import sys
import time

import duckdb

lake, questions = sys.argv[1], json.loads(sys.argv[2])
connection = duckdb.connect()
connection.execute("SET threads = 2")
connection.execute("SET TimeZone = 'UTC'")
connection.execute(f"CREATE VIEW events AS SELECT * FROM read_parquet('{lake}/date=*/*.parquet', hive_partitioning = false)")
connection.execute("SELECT count(*) FROM events").fetchall()
for question in questions:
    started = time.perf_counter()
    try:
        connection.execute(question["sql"]).fetchall()
    except duckdb.Error as error:
        print(question["name"], error, file=sys.stderr)
        continue
    print(f"{question['name']}\t{time.perf_counter() - started}", flush=True)
