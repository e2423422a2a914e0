// What is said of an event in a line.

export const FAMILIES = ['file', 'network', 'process', 'ipc', 'registry', 'command', 'session', 'derived', 'pipeline'];
export const DECISIONS = ['allow', 'deny', 'audit', 'approve', 'redirect', 'soft_delete'];
export const SEVERITIES = ['informational', 'low', 'medium', 'high', 'critical', 'fatal'];

export const verb = (event) => event.kind.replaceAll('_', ' ');

export function programOf(event) {
  const actor = event.actor;
  if (!actor) return '';
  const name = actor.comm ?? (actor.exe ?? '').split('/').pop();
  return actor.pid === undefined ? name : `${name} ${actor.pid}`;
}

export function verdictOf(event) {
  const payload = event.payload ?? {};
  if (event.kind === 'detection') return { text: payload.level ?? event.severity, tone: 'warn' };
  if (event.kind === 'events_lost') return { text: 'lost', tone: 'bad' };
  if (event.kind !== 'policy_decision') return null;
  const would = payload.enforced === false;
  return { text: would ? `would ${payload.decision}` : payload.decision, tone: payload.decision === 'deny' && !would ? 'bad' : payload.decision === 'allow' ? '' : 'warn' };
}

export function subjectOf(event) {
  const p = event.payload ?? {};
  const port = p.port ? `:${p.port}` : '';
  switch (event.kind) {
    case 'policy_decision': return [p.operation, p.subject, p.rule && `by ${p.rule}`].filter(Boolean).join(' · ');
    case 'detection': return [p.title ?? p.rule_title ?? p.rule, ...(event.attack ?? [])].filter(Boolean).join(' · ');
    case 'process_exec': return p.command_line ?? (p.argv?.length ? p.argv.join(' ') : p.path);
    case 'process_exit': return [p.path, p.signal ?? (p.exit_code === undefined || p.exit_code === null ? '' : `exit ${p.exit_code}`)].filter(Boolean).join(' · ');
    case 'command_started': return p.argv?.join(' ') ?? p.program;
    case 'command_finished': return [p.program, p.signal ?? `exit ${p.exit_code}`].filter(Boolean).join(' · ');
    case 'http_request': return `${p.method} ${p.scheme}://${p.host}${p.path}`;
    case 'http_response': return p.status ? `status ${p.status}` : (p.error ?? '');
    case 'dns_query': return [`${p.record_type} ${p.name}`, p.rcode ?? p.error].filter(Boolean).join(' · ');
    case 'net_connect': case 'net_close': return `${p.host ?? p.address ?? ''}${port}`;
    case 'tls_handshake': return p.sni ?? p.host ?? '';
    case 'terminal_output': case 'terminal_input': return String(p.data ?? '').trimEnd().slice(0, 200);
    case 'terminal_resize': return `${p.columns} × ${p.rows}`;
    case 'session_created': return [p.workspace, p.policy].filter(Boolean).join(' · ');
    default: break;
  }
  if (p.path && p.to) return `${p.path} → ${p.to}`;
  return p.path ?? p.key ?? p.subject ?? p.name ?? p.host ?? p.reason ?? p.layer ?? '';
}
