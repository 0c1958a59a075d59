// @ts-check
/** Keeps the administrator's counts fresh. Every page works without this script. */

// Signed out: the lab's figures belonged to the session that has ended.
if (!document.getElementById('lab')) sessionStorage.removeItem('lab-figures');

if (document.getElementById('live-sessions')) keepFresh();

async function keepFresh() {
  await refresh().catch(() => show('health-status', 'unknown'));
  setTimeout(keepFresh, 2000);
}

async function refresh() {
  const accept = { headers: { accept: 'application/json' } };
  const report = await (await fetch('/health', accept)).json();
  const { status, ...sessions } = report.details.sessions;
  show('health-status', status);
  showFacts(sessions);
  const counts = await fetch('/admin/counts', accept);
  if (!counts.ok) return;
  const { liveSessions, instance, uptimeSeconds } = await counts.json();
  show('live-sessions', liveSessions);
  show('count-instance', instance);
  show('count-uptime', uptimeSeconds);
}

/** @param {Record<string, any>} sessions what the health check tells */
function showFacts({ mode, primary, replicas, sentinels, roundTripMs, waiting, lastFailover, reasons }) {
  const seconds = (/** @type {number} */ ms) => `${(ms / 1000).toFixed(1)} s`;
  /** @type {Record<string, string | undefined>} */
  const facts = {
    'Kept in': mode === 'memory' ? 'this process' : `Redis, ${mode}`,
    Primary: primary ?? undefined,
    Replicas:
      replicas?.map((/** @type {any} */ { address, lagBytes }) => `${address} (${lagBytes} bytes behind)`).join(', ') ||
      undefined,
    Sentinels: sentinels ? `${sentinels.reachable} of ${sentinels.known} reachable` : undefined,
    'Round trip': roundTripMs == null ? undefined : `${Number(roundTripMs).toFixed(1)} ms`,
    Waiting: waiting === undefined ? undefined : `${waiting} operations`,
    'Last failover': lastFailover
      ? `${lastFailover.from} → ${lastFailover.to}, took ${seconds(lastFailover.durationMs)}, at ${new Date(lastFailover.atMs).toLocaleTimeString('en-GB')}`
      : undefined,
    Impaired: reasons?.join(' ') || undefined,
  };
  document.getElementById('health-facts')?.replaceChildren(
    ...Object.entries(facts).flatMap(([name, value]) => {
      if (value === undefined) return [];
      const row = document.createElement('div');
      const term = document.createElement('dt');
      const text = document.createElement('dd');
      term.textContent = name;
      text.textContent = value;
      row.append(term, text);
      return [row];
    }),
  );
}

/** @param {string} id @param {unknown} value */
function show(id, value) {
  const element = document.getElementById(id);
  if (element) element.textContent = String(value);
}
