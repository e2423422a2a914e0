-- Whether anything was lost, or could not be read
SELECT kind, coalesce(hop, 'import') AS where_lost, coalesce(sum(count), count(*)) AS events, min(seq) AS first_seq, max(time) AS last
FROM events WHERE kind IN ('events_lost', 'record_unread')
GROUP BY 1, 2 ORDER BY events DESC, 1, 2
