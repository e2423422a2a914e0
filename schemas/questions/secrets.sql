-- Who reached for keys and credentials, and what policy said
SELECT e.session_id, e.exe, e.subject, d.decision, count(*) AS times, max(e.time) AS last
FROM events e LEFT JOIN events d ON d.cause = e.id AND d.kind = 'policy_decision'
WHERE e.kind = 'file_open' AND (e.subject LIKE '%/.ssh/id%' OR e.subject LIKE '%/.aws/credentials' OR e.subject LIKE '%/.netrc'
   OR e.subject LIKE '%.pem' OR e.subject LIKE '%/.kube/config' OR e.subject LIKE '%/.docker/config.json' OR e.subject = '/etc/shadow')
GROUP BY 1, 2, 3, 4 ORDER BY times DESC, 1, 2, 3 LIMIT 100
