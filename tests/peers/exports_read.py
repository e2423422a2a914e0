"""Reads one export in each of its forms and prints what is in it as JSON: exports_read.py JSONL CSV OCSF PARQUET."""
import csv, json, sys

import duckdb

lines, table, records, columns = sys.argv[1:]
answer = {}
for name, source in (
    ("jsonl", f"read_json('{lines}', format='newline_delimited')"),
    ("csv", f"read_csv('{table}', header=true)"),
    ("parquet", f"read_parquet('{columns}')"),
):
    kinds = duckdb.sql(f"SELECT kind, count(*) FROM {source} GROUP BY kind").fetchall()
    answer[name] = {
        "sum": int(duckdb.sql(f"SELECT sum(seq) FROM {source}").fetchall()[0][0]),
        "kinds": {kind: count for kind, count in kinds},
    }
with open(table, newline="", encoding="utf-8") as file:
    answer["subjects"] = [row["subject"] for row in csv.DictReader(file)]
with open(records, encoding="utf-8") as file:
    answer["ocsf"] = sum(1 for line in file if json.loads(line)["metadata"]["version"] == "1.8.0")
print(json.dumps(answer))
