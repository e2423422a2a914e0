-- Changes to what runs at a start or a login: shell profiles, cron, systemd units, git hooks, authorized keys
SELECT seq, time, session_id, exe, kind, subject
FROM events WHERE kind IN ('file_create', 'file_rename', 'file_link', 'file_symlink', 'file_open')
  AND (kind <> 'file_open' OR access <> 'read')
  AND (subject LIKE '%/.bashrc' OR subject LIKE '%/.profile' OR subject LIKE '%/.bash_profile' OR subject LIKE '%/.zshrc'
    OR subject LIKE '/etc/cron%' OR subject LIKE '%/systemd/%' OR subject LIKE '%/.git/hooks/%' OR subject LIKE '%/authorized_keys')
ORDER BY seq DESC LIMIT 100
