"""Writes the rows of a lake again, with pyarrow and with DuckDB, and prints rows/s of each: what `make bench` compares with."""
import os, sys, time, tempfile, statistics
import duckdb, pyarrow as pa, pyarrow.dataset as ds, pyarrow.parquet as pq

lake, level = sys.argv[1], int(sys.argv[2])
pa.set_cpu_count(1)
events = ds.dataset(lake, partitioning=None, exclude_invalid_files=True).to_table().combine_chunks()
rounds = 5

with tempfile.TemporaryDirectory(dir=os.path.dirname(lake)) as folder:
    def timed(write):
        times = []
        for _ in range(rounds):
            begun = time.perf_counter()
            write()
            times.append(time.perf_counter() - begun)
        return events.num_rows / statistics.median(times)

    plain = [name for name in ("id", "cause", "connection", "payload", "leaf")]
    strings = [name for name in events.column_names if name not in plain]
    print(round(timed(lambda: pq.write_table(
        events, f"{folder}/pyarrow.parquet", compression="zstd", compression_level=level, row_group_size=131072,
        use_dictionary=strings, write_statistics=True))))

    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    connection.execute("CREATE TABLE rows AS SELECT * FROM events")
    print(round(timed(lambda: connection.execute(
        f"COPY rows TO '{folder}/duckdb.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL {level}, ROW_GROUP_SIZE 131072)"))))
