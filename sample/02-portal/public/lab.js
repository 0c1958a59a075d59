// @ts-check
/**
 * The lab panel: sends requests that change the session, shows how long each took, and lets one break Redis meanwhile.
 *
 * Every request writes the time into one of 16 fields of the session and reads all of them. What an answer has
 * confirmed must be in every later answer, or a change was lost.
 */

const SLOTS = 16;
const BEAT_MS = 300;
const STRIP_BARS = 120;
/** A bar as high as the strip. */
const FULL_MS = 4000;
/** Longer than that a request counts as held. */
const HELD_MS = 250;

const element = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const token = document.querySelector('meta[name="lab-token"]')?.getAttribute('content') ?? '';
const panel = /** @type {HTMLDetailsElement} */ (element('lab'));
const strip = element('lab-strip');

/** @typedef {{ answered: number, failed: number, lost: number, longest: number, next: number, confirmed: number[] }} Figures */

/** Survives from page to page. @type {Figures} */
const figures = restore() ?? { answered: 0, failed: 0, lost: 0, longest: 0, next: 0, confirmed: Array(SLOTS).fill(0) };
/** @type {Set<{ slot: number, startedAt: number, bar: HTMLElement }>} */
const underWay = new Set();
let isPaused = false;
/** A request that the browser ends because the page is left has not failed. */
let isLeaving = false;

panel.open = localStorage.getItem('lab-open') === 'yes';
panel.addEventListener('toggle', () => localStorage.setItem('lab-open', panel.open ? 'yes' : 'no'));
element('lab-pause').addEventListener('click', ({ currentTarget }) => {
  isPaused = !isPaused;
  const button = /** @type {HTMLElement} */ (currentTarget);
  button.setAttribute('aria-pressed', String(isPaused));
  button.textContent = isPaused ? 'Go on' : 'Pause';
});
element('lab-failover').addEventListener('click', () => act('failover'));
element('lab-nodes').addEventListener('click', (event) => {
  const button = /** @type {HTMLElement} */ (event.target).closest('button');
  if (button) act(`nodes/${button.dataset['node']}/${button.dataset['action']}`);
});
window.addEventListener('beforeunload', () => (isLeaving = true));
document.querySelector('form[action="/sign-out"]')?.addEventListener('submit', () => (isLeaving = true));
window.addEventListener('pagehide', () => sessionStorage.setItem('lab-figures', JSON.stringify(figures)));

// One tab at a time: two would write the same fields.
navigator.locks.request('lab-requests', () => {
  setInterval(beat, BEAT_MS);
  return new Promise(() => undefined);
});
setInterval(grow, 60);
poll();
showFigures();

/** Sends one request, unless the panel is closed or all slots are waiting. */
async function beat() {
  if (!panel.open || isPaused || isLeaving || document.hidden) return;
  const slot = ++figures.next % SLOTS;
  if ([...underWay].some((request) => request.slot === slot)) return;
  const number = Date.now();
  const expected = [...figures.confirmed];
  const request = { slot, startedAt: performance.now(), bar: addBar() };
  underWay.add(request);
  try {
    const response = await fetch(`/pulse/${slot}/${number}`, {
      method: 'POST',
      headers: { accept: 'application/json' },
    });
    if (response.status === 401) {
      if (!isLeaving) location.assign('/sign-in');
      return;
    }
    if (!response.ok) throw new Error(String(response.status));
    const { instance, primary, slots } = await response.json();
    // Numbers only grow, so a smaller one means that the later was confirmed and then lost.
    figures.lost += expected.filter((confirmed, other) => confirmed > slots[other]).length;
    figures.confirmed[slot] = Math.max(figures.confirmed[slot] ?? 0, number);
    figures.answered += 1;
    settle(request, instance === 'B' ? 'b' : 'a');
    element('fact-instance').textContent = `instance ${instance}`;
    const fact = document.getElementById('fact-primary');
    if (fact) fact.textContent = primary ?? 'none at the moment';
  } catch {
    if (isLeaving) return;
    figures.failed += 1;
    settle(request, 'failed');
  } finally {
    underWay.delete(request);
    showFigures();
  }
}

function addBar() {
  const bar = document.createElement('i');
  strip.append(bar);
  while (strip.childElementCount > STRIP_BARS) strip.firstElementChild?.remove();
  return bar;
}

/** @param {{ startedAt: number, bar: HTMLElement }} request @param {'a' | 'b' | 'failed'} outcome */
function settle({ startedAt, bar }, outcome) {
  const tookMs = performance.now() - startedAt;
  figures.longest = Math.max(figures.longest, tookMs);
  bar.className = outcome;
  bar.style.height = heightOf(tookMs);
  bar.title = `${Math.round(tookMs)} ms`;
  element('lab-latest').textContent = milliseconds(tookMs);
}

/** Lets the bars of waiting requests grow. */
function grow() {
  const now = performance.now();
  for (const { startedAt, bar } of underWay) {
    bar.style.height = heightOf(now - startedAt);
    if (now - startedAt > HELD_MS) bar.className = 'held';
  }
  if (underWay.size > 0 && panel.open) showFigures();
}

/** Fast answers must still differ to the eye: the square root. @param {number} ms */
function heightOf(ms) {
  return `${Math.min(100, 100 * Math.sqrt(ms / FULL_MS)).toFixed(1)}%`;
}

/** @param {number} ms */
function milliseconds(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function showFigures() {
  element('lab-answered').textContent = String(figures.answered);
  for (const name of /** @type {const} */ (['failed', 'lost'])) {
    element(`lab-${name}`).textContent = String(figures[name]);
    element(`lab-${name}`).classList.toggle('bad', figures[name] > 0);
  }
  element('lab-longest').textContent = figures.longest > 0 ? milliseconds(figures.longest) : '–';
  const held = [...underWay].filter(({ startedAt }) => performance.now() - startedAt > HELD_MS).length;
  element('lab-summary').textContent =
    figures.answered + figures.failed === 0
      ? 'Kill Redis nodes and watch requests go on'
      : `${figures.answered} answered, ${figures.failed} failed, ${figures.lost} changes lost${held > 0 ? `, ${held} held` : ''}`;
}

/** @returns {Figures | null} */
function restore() {
  return JSON.parse(sessionStorage.getItem('lab-figures') ?? 'null');
}

/** @param {string} path */
async function ask(path, method = 'GET') {
  const response = await fetch(`/lab/${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, accept: 'application/json' },
  });
  const body = await response.json();
  if (!response.ok) throw new Error(body.message ?? response.statusText);
  return body;
}

/** @param {string} path */
async function act(path) {
  try {
    showState(await ask(path, 'POST'));
  } catch (error) {
    element('lab-summary').textContent = String(/** @type {Error} */ (error).message);
  }
}

async function poll() {
  if (panel.open && !document.hidden) {
    await ask('state').then(showState, () => undefined);
  }
  setTimeout(poll, 700);
}

/**
 * @typedef {{ id: string, address: string, kind: 'redis' | 'sentinel', state: 'running' | 'frozen' | 'down', role: string }} LabNode
 * @param {{ nodes: LabNode[], events: { at: number, text: string }[] }} state
 */
function showState({ nodes, events }) {
  const list = element('lab-nodes');
  const template = /** @type {HTMLTemplateElement} */ (element('lab-node'));
  for (const node of nodes) {
    let item = /** @type {HTMLElement | null} */ (list.querySelector(`[data-id="${node.id}"]`));
    if (!item) {
      item = /** @type {HTMLElement} */ (
        /** @type {DocumentFragment} */ (template.content.cloneNode(true)).firstElementChild
      );
      item.dataset['id'] = node.id;
      list.append(item);
    }
    showNode(item, node);
  }
  const log = element('lab-log');
  const latest = events.slice(-40).reverse();
  if (log.dataset['latest'] === String(latest[0]?.at ?? '') + latest.length) return;
  log.dataset['latest'] = String(latest[0]?.at ?? '') + latest.length;
  log.replaceChildren(
    ...latest.map(({ at, text }) => {
      const entry = document.createElement('li');
      const time = document.createElement('time');
      time.textContent = new Date(at).toLocaleTimeString('en-GB');
      entry.append(time, text);
      return entry;
    }),
  );
}

/** @param {HTMLElement} item @param {LabNode} node */
function showNode(item, node) {
  const shown = `${node.state} ${node.role}`;
  if (item.dataset['shown'] === shown) return;
  item.dataset['shown'] = shown;
  const name = /** @type {HTMLElement} */ (item.querySelector('.node-name'));
  const kind = document.createElement('small');
  kind.textContent = node.address;
  name.replaceChildren(node.id, kind);
  const badge = /** @type {HTMLElement} */ (item.querySelector('.badge'));
  badge.textContent = node.state === 'running' ? node.role : node.state;
  badge.className = `badge ${node.state === 'running' ? node.role : node.state}`;
  const actions = { running: ['kill', 'freeze'], frozen: ['thaw', 'kill'], down: ['restart'] }[node.state];
  const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset['node'] === node.id;
  const box = /** @type {HTMLElement} */ (item.querySelector('.node-actions'));
  box.replaceChildren(
    ...actions.map((action) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.className = 'quiet';
      button.dataset['node'] = node.id;
      button.dataset['action'] = action;
      button.textContent = action[0]?.toUpperCase() + action.slice(1);
      button.setAttribute('aria-label', `${button.textContent} ${node.id}`);
      return button;
    }),
  );
  if (focused) /** @type {HTMLElement | null} */ (box.firstElementChild)?.focus();
}
