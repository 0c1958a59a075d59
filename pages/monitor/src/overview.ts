import { announce } from './announcer.js';
import { byId, setFacts, setText } from './dom.js';
import { count } from './format.js';
import type { MonitorState, Reads } from './model.js';

type Snapshot = Reads['snapshot'];

const STATES = {
  ready: { word: 'Ready', tone: 'ok', said: 'Redis is ready.' },
  degraded: { word: 'Degraded', tone: 'warn', said: 'Redis is degraded: a replica lacks changes.' },
  lost: { word: 'No primary', tone: 'error', said: 'There is no usable primary: operations wait.' },
  connecting: { word: 'Connecting', tone: 'idle', said: 'The application connects to Redis.' },
  closed: { word: 'Closed', tone: 'error', said: 'The application has closed its connection to Redis.' },
} as const;

/** The state of the link, at the top of the page; a change is said aloud. */
export function showState({ status }: MonitorState): void {
  const pill = byId('state');
  const { word, tone, said } = status ? STATES[status.state] : { word: 'In this process', tone: 'idle', said: '' };
  if (pill.textContent === word) return;
  setText(pill, word);
  pill.dataset['tone'] = tone;
  if (said !== '') announce(said);
}

/** The count, and what it is made of. */
export function showSnapshot(snapshot: Snapshot): void {
  const { live, authenticated, anonymous, active, users, lastMinute } = snapshot;
  setText(byId('live'), count(live));
  document.title = `${count(live)} sessions · ${snapshot.application}`;
  const ended = lastMinute ? Object.values(lastMinute.ended).reduce((sum, value) => sum + value, 0) : null;
  setFacts(byId('live-facts'), [
    ['Signed in', count(authenticated)],
    ['Anonymous', count(anonymous)],
    ['Active, 5 min', count(active)],
    [users && !users.isExact ? 'Users, about' : 'Users', count(users?.count)],
    ['Began, last min', count(lastMinute?.created)],
    ['Ended, last min', count(ended)],
  ]);
}

/** The count alone, where nothing else is known. */
export function showCount(live: number | null): void {
  setText(byId('live'), count(live));
}
