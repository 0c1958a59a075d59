import { setTimeout as delay } from 'node:timers/promises';
import { SessionStats, type SessionSnapshot } from '../stats/session.stats.js';
import { EXIT_CODE, type ExitCode } from './exit-code.js';
import { readInstallation, withSessions, type InstallationOptions } from './installation.js';
import { writeJson, writeLine, writeTable, type CommandTerminal } from './terminal.js';

/** Pause between two rows of `stats --watch`. @unit milliseconds */
const WATCH_PERIOD_MS = 2000;

/** Options of `stats`. @internal */
export interface StatsOptions extends InstallationOptions {
  readonly json?: boolean | undefined;
  readonly watch?: boolean | undefined;
}

/** `stats`: live sessions now; with `--watch` again every two seconds, one JSON value for each line with `--json`. @internal */
export async function stats(options: StatsOptions, terminal: CommandTerminal): Promise<ExitCode> {
  await withSessions(readInstallation(options, terminal), async (app) => {
    const service = app.get(SessionStats);
    if (!options.watch) {
      write(withoutActive(await service.snapshot()), options, terminal);
      return;
    }
    while (!terminal.signal.aborted) {
      const snapshot = withoutActive(await service.snapshot());
      writeLine(terminal, options.json ? JSON.stringify(snapshot) : rowOf(snapshot));
      await delay(WATCH_PERIOD_MS, undefined, { signal: terminal.signal }).catch(() => undefined);
    }
  });
  return EXIT_CODE.FINE;
}

/** `capacity`: memory, room for further sessions, peaks, and the day when memory is full. @internal */
export async function capacity(
  options: InstallationOptions & { readonly json?: boolean | undefined },
  terminal: CommandTerminal,
): Promise<ExitCode> {
  const installation = readInstallation(options, terminal);
  const { memory, room, peaks, forecast } = await withSessions(installation, (app) => app.get(SessionStats).capacity());
  if (options.json) {
    writeJson(terminal, { application: installation.application, memory, room, peaks, forecast });
    return EXIT_CODE.FINE;
  }
  const peak = ({ live, atMs }: { live: number; atMs: number }): string => `${live} at ${dateOf(atMs)}`;
  writeTable(terminal, [
    ['memory used', bytes(memory.usedBytes)],
    ['memory limit', memory.maxBytes === null ? 'none, or not visible' : bytes(memory.maxBytes)],
    ['bytes of a session', memory.sessionBytes === null ? 'not sampled yet' : bytes(memory.sessionBytes)],
    ['room for further sessions', room === null ? 'unknown' : String(room)],
    ['peak of 24 hours', peaks.day ? peak(peaks.day) : 'no sample'],
    ['peak of 90 days', peaks.quarter ? peak(peaks.quarter) : 'no sample'],
    ['memory is full', forecast.fullAtMs === null ? forecast.state : `${dateOf(forecast.fullAtMs)} at this growth`],
  ]);
  return EXIT_CODE.FINE;
}

type VisibleSnapshot = Omit<SessionSnapshot, 'active'>;

/** `active` is counted by the option `idleTimeoutMs`, which is the application's and not known here. */
function withoutActive({ active: _active, ...snapshot }: SessionSnapshot): VisibleSnapshot {
  return snapshot;
}

function write(snapshot: VisibleSnapshot, { json }: StatsOptions, terminal: CommandTerminal): void {
  if (json) {
    writeJson(terminal, snapshot);
    return;
  }
  const { live, authenticated, anonymous, lastMinute, total } = snapshot;
  writeTable(terminal, [
    ['live', String(live)],
    ['signed in', String(authenticated)],
    ['anonymous', String(anonymous)],
    ['created in the last minute', lastMinute ? String(lastMinute.created) : 'no sample'],
    ...Object.entries((lastMinute ?? total).ended).map(([reason, count]) => [
      lastMinute ? `ended in the last minute (${reason})` : `ended in all (${reason})`,
      String(count),
    ]),
  ]);
}

function rowOf({ atMs, live, authenticated, anonymous }: VisibleSnapshot): string {
  return `${dateOf(atMs)}  live ${live}  signed in ${authenticated}  anonymous ${anonymous}`;
}

function dateOf(atMs: number): string {
  return new Date(atMs).toISOString();
}

function bytes(count: number | null): string {
  return count === null ? 'not visible' : `${count} bytes`;
}
