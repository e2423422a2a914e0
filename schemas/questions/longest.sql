-- The processes that ran longest, with what they took
SELECT seq, session_id, pid, subject AS program, wall_time_us / 1000 AS wall_ms, (user_cpu_us + system_cpu_us) / 1000 AS cpu_ms,
       peak_memory_bytes, exit_code, signal
FROM events WHERE kind = 'process_exit' AND wall_time_us IS NOT NULL
ORDER BY wall_time_us DESC, seq LIMIT 50
