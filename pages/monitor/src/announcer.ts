import { byId } from './dom.js';

/** Says something to whoever listens to the page instead of looking at it. */
export function announce(text: string): void {
  byId('announcer').textContent = text;
}
