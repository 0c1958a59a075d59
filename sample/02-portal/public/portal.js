// @ts-check
/** Keeps the administrator's counts fresh. Every page works without this script. */

// Signed out: the lab's figures belonged to the session that has ended.
if (!document.getElementById('lab')) sessionStorage.removeItem('lab-figures');

const liveSessions = document.getElementById('live-sessions');
if (liveSessions) {
  const show = (/** @type {string} */ id, /** @type {unknown} */ value) => {
    const element = document.getElementById(id);
    if (element) element.textContent = String(value);
  };
  const refresh = async () => {
    const [counts, health] = await Promise.all([
      fetch('/admin/counts', { headers: { accept: 'application/json' } }),
      fetch('/health'),
    ]);
    const report = await health.json();
    show('health-status', report.status === 'ok' ? 'well' : (report.status ?? 'down'));
    if (!counts.ok) return;
    const { liveSessions, instance, uptimeSeconds } = await counts.json();
    show('live-sessions', liveSessions);
    show('count-instance', instance);
    show('count-uptime', uptimeSeconds);
  };
  const loop = () => {
    refresh()
      .catch(() => show('health-status', 'down'))
      .finally(() => setTimeout(loop, 2000));
  };
  loop();
}
