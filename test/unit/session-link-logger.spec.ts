import { describe, expect, it } from 'vitest';
import type { SessionLink } from '../../lib/core/session-link.js';
import type { SessionLinkEvents } from '../../lib/core/session-link-events.js';
import { logLinkEvents } from '../../lib/session-link.logger.js';

/** A link that only reports. */
function reporter() {
  const listeners = new Map<string, (payload: never) => void>();
  const log: string[] = [];
  logLinkEvents(
    {
      on: (event: string, listener: (payload: never) => void) => listeners.set(event, listener),
    } as never as SessionLink,
    {
      log: (line: unknown) => void log.push(`log ${String(line)}`),
      warn: (line: unknown) => void log.push(`warn ${String(line)}`),
    },
  );
  return {
    log,
    report: <E extends keyof SessionLinkEvents>(event: E, payload: SessionLinkEvents[E]): void => {
      listeners.get(event)?.(payload as never);
    },
  };
}

describe('the log lines of a link', () => {
  it.each<{ event: keyof SessionLinkEvents; payload: SessionLinkEvents[keyof SessionLinkEvents]; line: string }>([
    { event: 'recovered', payload: { primary: 'a:1' }, line: 'log Redis primary a:1 has all its replicas again' },
    {
      event: 'groupUnknown',
      payload: { sentinels: ['s:1', 's:2'] },
      line: 'warn Sentinels that do not know the group: s:1, s:2; the nodes known last stay in use',
    },
    { event: 'groupUnknown', payload: { sentinels: [] }, line: 'log All Sentinels that answer know the group again' },
  ])('tells what to do now, and when it is over: $event', ({ event, payload, line }) => {
    const { log, report } = reporter();
    report(event, payload);
    expect(log).toEqual([line]);
  });
});
