-- Which sessions there are: when, how many events, refusals and detections
SELECT session_id, min(time) AS began, max(time) AS last_seen, count(*) AS events,
       count(*) FILTER (WHERE kind = 'policy_decision' AND decision = 'deny') AS refused,
       count(*) FILTER (WHERE kind = 'detection') AS detections
FROM events WHERE session_id IS NOT NULL
GROUP BY session_id ORDER BY began DESC LIMIT 100
