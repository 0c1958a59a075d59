import { byId, h, setText } from './dom.js';
import { clock, count, day, duration } from './format.js';
import type { TimelineEntry } from './model.js';

type Tone = 'ok' | 'warn' | 'error' | 'idle';

/** The latest happenings, newest first. */
export function showTimeline(entries: readonly TimelineEntry[], instance: string): void {
  setText(byId('timeline-note'), `as ${instance === '' ? 'this instance' : instance} saw it since its start`);
  const list = byId('timeline');
  if (entries.length === 0) {
    list.replaceChildren(h('li', { class: 'empty' }, 'Nothing has happened since this instance started.'));
    return;
  }
  list.replaceChildren(...entries.map(itemOf));
}

function itemOf(entry: TimelineEntry): HTMLElement {
  const { tone, title, text, figures = [] } = described(entry);
  return h(
    'li',
    { 'data-tone': tone, 'data-kind': entry.kind },
    h('time', { datetime: new Date(entry.atMs).toISOString(), title: day(entry.atMs) }, clock(entry.atMs)),
    h(
      'div',
      {},
      h('strong', {}, title),
      ' ',
      h('span', {}, text),
      figures.length === 0
        ? null
        : h(
            'p',
            { class: 'figures' },
            ...figures.map(([name, value]) => h('span', { class: 'figure' }, `${name} `, h('b', {}, value))),
          ),
    ),
  );
}

interface Described {
  readonly tone: Tone;
  readonly title: string;
  readonly text: string;
  readonly figures?: readonly (readonly [string, string])[];
}

function described(entry: TimelineEntry): Described {
  switch (entry.kind) {
    case 'failover': {
      const { from, to, noticedMs, durationMs, held, replayed, degraded } = entry;
      return {
        tone: degraded ? 'warn' : 'ok',
        title: 'Failover',
        text: `${from ?? 'nobody'} → ${to}`,
        figures: [
          ['pause', duration(noticedMs + durationMs)],
          ['held', count(held)],
          ['replayed', count(replayed)],
          ...(degraded ? ([['without a replica', 'yes']] as const) : []),
        ],
      };
    }
    case 'lost':
      return { tone: 'error', title: 'Lost', text: `${entry.primary}: ${entry.reason}` };
    case 'ready':
      return { tone: 'ok', title: 'Ready', text: entry.primary };
    case 'restarted':
      return { tone: 'warn', title: 'Restarted', text: `${entry.primary}: what its disk did not keep is gone` };
    case 'degraded':
      return { tone: 'warn', title: 'Degraded', text: `${entry.primary}: ${entry.reason}` };
    case 'recovered':
      return { tone: 'ok', title: 'Recovered', text: `${entry.primary}: every replica has all changes` };
    case 'unavailable':
      return { tone: 'error', title: 'Unavailable', text: entry.reason };
    case 'groupUnknown':
      return entry.sentinels.length === 0
        ? { tone: 'ok', title: 'Group known', text: 'to all Sentinels that answer' }
        : { tone: 'warn', title: 'Group unknown', text: `to ${entry.sentinels.join(', ')}` };
  }
}
