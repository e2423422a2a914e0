"""Asks one engine the same questions about a lake and prints the answers as JSON: lake_read.py ENGINE LAKE SEQS."""
import glob, json, os, sys

engine, lake, asked = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
files = sorted(glob.glob(f"{lake}/date=*/*.parquet"))
every = f"{lake}/date=*/*.parquet"
date = os.path.basename(os.path.dirname(files[-1])).removeprefix("date=")
MISSING = "/no/such/subject/anywhere"
answer = {}


def with_pyarrow():
    import pyarrow.compute as pc, pyarrow.dataset as ds, pyarrow.parquet as pq
    lake_ = ds.dataset(lake, format="parquet", partitioning="hive")
    table = lake_.to_table()
    answer["types"] = {field.name: str(field.type) for field in table.schema}
    answer["count"] = table.num_rows
    answer["seqs"] = pc.sum(table["seq"]).as_py()
    answer["bytes_read"] = pc.sum(table["bytes_read"]).as_py()
    answer["argv"] = pc.sum(pc.list_value_length(table["argv"])).as_py()
    counts = pc.value_counts(table["kind"]).to_pylist()
    answer["kinds"] = {one["values"]: one["counts"] for one in counts}
    rows = {row["seq"]: row for row in table.select(["seq", "subject", "id"]).to_pylist()}
    answer["subjects"] = [rows[seq]["subject"] for seq in asked]
    answer["ids"] = [rows[seq]["id"].hex() for seq in asked]

    def groups(expression=None):
        fragments = lake_.get_fragments(filter=expression)
        return sum(len(fragment.split_by_row_group(expression)) for fragment in fragments)

    metadata = pq.read_metadata(files[0])
    seq = metadata.row_group(0).column(0)
    assert seq.path_in_schema == "seq" and seq.statistics.has_min_max and seq.compression == "ZSTD", seq
    assert seq.has_offset_index and seq.has_column_index, seq
    assert metadata.row_group(0).sorting_columns[0].column_index == 0
    assert b"agentsh.root" in metadata.metadata, metadata.metadata
    answer["skipping"] = {
        "row_groups": groups(),
        "read_for_a_seq": groups(ds.field("seq") == 3000),
        "read_for_a_kind": groups(ds.field("kind") == "registry_set_value"),
        "files_read_for_a_date": len(list(lake_.get_fragments(filter=ds.field("date") == date))),
    }


def with_duckdb():
    import duckdb
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.execute(f"CREATE VIEW events AS SELECT * FROM read_parquet('{every}', hive_partitioning = true)")
    one = lambda sql: con.execute(sql).fetchone()
    answer["types"] = {row[0]: row[1] for row in con.execute("DESCRIBE events").fetchall()}
    answer["count"], answer["seqs"], answer["bytes_read"], answer["argv"] = map(
        int, one("SELECT count(*), sum(seq), sum(bytes_read), sum(len(argv)) FROM events"))
    answer["kinds"] = dict(con.execute("SELECT kind, count(*) FROM events GROUP BY kind").fetchall())
    answer["subjects"] = [one(f"SELECT subject FROM events WHERE seq = {seq}")[0] for seq in asked]
    answer["ids"] = [one(f"SELECT lower(hex(id)) FROM events WHERE seq = {seq}")[0] for seq in asked]
    con.execute(f"CREATE TABLE m AS SELECT * FROM parquet_metadata('{every}')")
    groups = "SELECT count(*) FROM (SELECT DISTINCT file_name, row_group_id FROM m)"
    within = lambda column, value: (
        f"SELECT count(*) FROM m WHERE path_in_schema = '{column}' AND {value} BETWEEN "
        + ("stats_min_value AND stats_max_value" if column != "seq" else "stats_min_value::BIGINT AND stats_max_value::BIGINT"))
    bloom = sum(
        row[0] for file in files
        for row in con.execute(f"SELECT count(*) FILTER (NOT bloom_filter_excludes) FROM parquet_bloom_probe('{file}', 'subject', '{MISSING}')").fetchall())

    def scanned(where):
        con.execute("PRAGMA enable_profiling = 'json'")
        profile = con.execute(f"EXPLAIN (ANALYZE, FORMAT json) SELECT max(payload) FROM events WHERE {where}").fetchall()[-1][1]
        con.execute("PRAGMA disable_profiling")
        total = 0
        def walk(node):
            nonlocal total
            total += node.get("operator_rows_scanned", 0)
            for child in node.get("children", []):
                walk(child)
        walk(json.loads(profile))
        return total

    answer["scanned"] = {"all": scanned("true"), "a seq": scanned("seq = 3000"), "a subject": scanned(f"subject = '{MISSING}'")}
    answer["skipping"] = {
        "row_groups": one(groups)[0],
        "read_for_a_seq": one(within("seq", 3000))[0],
        "read_for_a_kind": one(within("kind", "'registry_set_value'"))[0],
        "read_for_a_missing_subject": bloom,
        "files_read_for_a_date": one(f"SELECT count(DISTINCT filename) FROM read_parquet('{every}', hive_partitioning = true, filename = true) WHERE date = '{date}'")[0],
    }


def with_polars():
    import contextlib, re, tempfile
    os.environ["POLARS_VERBOSE"] = "1"
    import polars as pl
    scan = pl.scan_parquet(every, hive_partitioning=True)
    answer["types"] = {name: str(kind) for name, kind in scan.collect_schema().items()}
    frame = scan.collect()
    answer["count"] = frame.height
    answer["seqs"] = frame["seq"].sum()
    answer["bytes_read"] = frame["bytes_read"].sum()
    answer["argv"] = int(frame["argv"].list.len().sum())
    answer["kinds"] = dict(frame["kind"].value_counts().iter_rows())
    rows = {seq: (subject, id_) for seq, subject, id_ in frame.select("seq", "subject", "id").iter_rows()}
    answer["subjects"] = [rows[seq][0] for seq in asked]
    answer["ids"] = [rows[seq][1].hex() for seq in asked]

    def read(predicate):
        """Row groups that polars says it reads, from what it tells on stderr."""
        with tempfile.TemporaryFile() as told:
            saved = os.dup(2)
            os.dup2(told.fileno(), 2)
            try:
                scan.filter(predicate).select("payload").collect()
            finally:
                os.dup2(saved, 2)
            told.seek(0)
            text = told.read().decode()
        found = re.findall(r"reading (\d+) / (\d+) row groups", text)
        return sum(int(a) for a, _ in found), sum(int(b) for _, b in found), text

    all_, told = 0, ""
    import pyarrow.parquet as pq
    all_ = sum(pq.read_metadata(file).num_row_groups for file in files)
    answer["skipping"] = {
        "row_groups": all_,
        "read_for_a_seq": read(pl.col("seq") == 3000)[0],
        "read_for_a_kind": read(pl.col("kind") == "registry_set_value")[0],
    }
    answer["told"] = read(pl.col("seq") == 3000)[2][:4000]


def with_chdb():
    from chdb import session
    chdb = session.Session()
    def rows(sql):
        text = chdb.query(sql, "JSONCompactEachRow").bytes().decode()
        return [json.loads(line) for line in text.splitlines() if line]
    settings = "SETTINGS output_format_json_quote_64bit_integers = 0, input_format_parquet_bloom_filter_push_down = 1"
    events = f"file('{every}', Parquet)"
    answer["types"] = {row[0]: row[1] for row in rows(f"DESCRIBE {events}")}
    answer["count"], answer["seqs"], answer["bytes_read"], answer["argv"] = rows(
        f"SELECT count(), sum(seq), sum(bytes_read), sum(length(argv)) FROM {events} {settings}")[0]
    answer["kinds"] = dict(rows(f"SELECT kind, count() FROM {events} GROUP BY kind {settings}"))
    answer["subjects"] = [rows(f"SELECT subject FROM {events} WHERE seq = {seq}")[0][0] for seq in asked]
    answer["ids"] = [rows(f"SELECT lower(hex(id)) FROM {events} WHERE seq = {seq}")[0][0] for seq in asked]

    def counters():
        found = dict(rows(f"SELECT event, value FROM system.events WHERE event LIKE 'Parquet%' {settings}"))
        return found.get("ParquetReadRowGroups", 0), found.get("ParquetPrunedRowGroups", 0), found

    def groups(where):
        before = counters()
        rows(f"SELECT max(payload) FROM {events} WHERE {where} {settings}")
        after = counters()
        return after[0] - before[0], after[1] - before[1]

    all_ = groups("1")
    answer["told"] = counters()[2]
    answer["skipping"] = {
        "row_groups": all_[0],
        "read_for_a_seq": groups("seq = 3000")[0],
        "read_for_a_kind": groups("kind = 'registry_set_value'")[0],
        "read_for_a_missing_subject": groups(f"subject = '{MISSING}'")[0],
    }


{"pyarrow": with_pyarrow, "duckdb": with_duckdb, "polars": with_polars, "chdb": with_chdb}[engine]()
print(json.dumps(answer))
