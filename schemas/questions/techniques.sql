-- Which ATT&CK techniques were seen, in how many sessions
SELECT technique, technique_name(technique) AS name, tactic(technique) AS tactics, count(*) AS detections,
       count(DISTINCT session_id) AS sessions, max(time) AS last
FROM (SELECT unnest(techniques) AS technique, session_id, time FROM events WHERE kind = 'detection')
GROUP BY technique ORDER BY detections DESC, technique
