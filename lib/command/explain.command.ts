import { createInterface } from 'node:readline/promises';
import type { INestApplicationContext } from '@nestjs/common';
import type { StoredSession } from '../core/session-record.js';
import { SESSION_OPTIONS, SESSION_REPOSITORY } from '../core/session.tokens.js';
import type { RawRequest } from '../http/raw-http.js';
import { SessionCookies } from '../http/session-cookie.js';
import type { ResolvedSessionOptions } from '../options/resolved-session.options.js';
import { SessionEvents } from '../session.events.js';
import { keyLayoutOf } from '../store/session-repository.factory.js';
import type { SessionRepository } from '../store/session-repository.js';
import { EXIT_CODE, UsageError, type ExitCode } from './exit-code.js';
import { readInstallation, VARIABLES, withSessions, type InstallationOptions } from './installation.js';
import { keySlot } from './key-slot.js';
import { writeJson, writeTable, type CommandTerminal } from './terminal.js';

/** The session that a cookie leads to, without its values. @internal */
interface CookieExplanation {
  /** `null`: no secret was given to check it by. */
  readonly verified: boolean | null;
  /** Whether another than the first secret has signed it. */
  readonly oldSecret: boolean;
  /** Stored id, as `list` and `revoke` know it. */
  readonly id: string;
  readonly key: string;
  /** The key's slot in a Cluster. */
  readonly slot: number;
  /** `none`: it ended, expired, or never was; `unreadable`: it is there, and cannot be read without the encryption's keys, or at all. */
  readonly session: 'live' | 'moved' | 'none' | 'unreadable';
  readonly details: CookieDetails | null;
}

/** Times and owner of a live session. */
interface CookieDetails {
  readonly userId: string | null;
  readonly createdAt: Date;
  readonly authenticatedAt: Date | null;
  readonly seenAt: Date;
  /** Unless there is a request. */
  readonly expiresAt: Date;
  /** However many requests there are; `null` without an absolute timeout. */
  readonly endsAt: Date | null;
  /** Stored id of the session that it was moved to. */
  readonly nextId: string | null;
}

/** The name stands for whatever the application calls its cookie. */
const NAME = 'cookie';

/** `explain [cookie]`: whether it is verified, and what it leads to; without it the first line of the input is taken. @internal */
export async function explainCookie(
  given: string | undefined,
  options: InstallationOptions & { readonly json?: boolean | undefined },
  terminal: CommandTerminal,
): Promise<ExitCode> {
  const installation = readInstallation(options, terminal);
  const value = cookieIn(given ?? (await firstLine(terminal)));
  const sid = sidIn(value);
  const secrets = (terminal.env[VARIABLES.secret] ?? '').split(',').filter((secret) => secret !== '');
  const explanation = await withSessions(installation, async (app) => ({
    ...verify(value, secrets),
    ...(await lookUp(app, sid)),
  }));
  if (options.json) writeJson(terminal, explanation);
  else writeTable(terminal, rowsOf(explanation));
  return explanation.verified !== false && explanation.session === 'live' ? EXIT_CODE.FINE : EXIT_CODE.FINDINGS;
}

/** The value of a cookie, of `name=value`, or of the first pair of a header. */
function cookieIn(given: string): string {
  const pair =
    given
      .trim()
      .replace(/^cookie:/i, '')
      .split(';')[0]
      ?.trim() ?? '';
  const value = /^[^=%\s]+=(.+)$/.exec(pair)?.[1] ?? pair;
  return value.replace(/^"(.*)"$/, '$1');
}

/** The id that a cookie carries. @throws UsageError when it is not the cookie of a session */
function sidIn(value: string): string {
  let text = value;
  try {
    text = decodeURIComponent(value);
  } catch {
    // It is taken as it stands, as the application does.
  }
  const sid = /^s:(.+)\.[^.]+$/.exec(text)?.[1];
  if (sid === undefined) throw new UsageError('This is not the cookie of a session: it has the form s:ID.SIGNATURE.');
  return sid;
}

function verify(value: string, secrets: readonly string[]): Pick<CookieExplanation, 'verified' | 'oldSecret'> {
  const [first, ...others] = secrets;
  if (first === undefined) return { verified: null, oldSecret: false };
  const cookies = new SessionCookies({ secrets: [first, ...others], proxy: false, cookie: { name: NAME } });
  const [found] = cookies.read({ headers: { cookie: `${NAME}=${value}` } } as RawRequest);
  return { verified: found !== undefined, oldSecret: found?.isOld ?? false };
}

async function lookUp(
  app: INestApplicationContext,
  sid: string,
): Promise<Omit<CookieExplanation, 'verified' | 'oldSecret'>> {
  const { application, redis } = app.get<ResolvedSessionOptions>(SESSION_OPTIONS);
  if (!redis) throw new UsageError('The sessions do not live in Redis.');
  const { id, session: key } = keyLayoutOf(application, redis).session(sid);
  const happened = new Set<string>();
  const events = app.get(SessionEvents).all.subscribe(({ type }) => happened.add(type));
  const stored = await app.get<SessionRepository>(SESSION_REPOSITORY).records.load(sid);
  events.unsubscribe();
  const absence = happened.has('undecodable') ? 'unreadable' : 'none';
  const session = stored ? (stored.isRotated ? 'moved' : 'live') : absence;
  return { id, key, slot: keySlot(key), session, details: stored && detailsOf(stored) };
}

function detailsOf(stored: StoredSession): CookieDetails {
  const { userId, createdAtMs, authenticatedAtMs, seenAtMs, remainingMs, longestRemainingMs, nextId } = stored;
  const now = Date.now();
  return {
    userId,
    createdAt: new Date(createdAtMs),
    authenticatedAt: authenticatedAtMs === null ? null : new Date(authenticatedAtMs),
    seenAt: new Date(seenAtMs),
    expiresAt: new Date(now + remainingMs),
    endsAt: Number.isFinite(longestRemainingMs) ? new Date(now + longestRemainingMs) : null,
    nextId,
  };
}

const SESSIONS: Readonly<Record<CookieExplanation['session'], string>> = {
  live: 'live',
  moved: 'has another id by now; requests under way may still read this one',
  none: 'there is none: it ended, expired, or never was',
  unreadable: "is there, and cannot be read without the encryption's keys, or at all",
};

function rowsOf({ verified, oldSecret, id, key, slot, session, details }: CookieExplanation): readonly string[][] {
  const signature =
    verified === null
      ? `not checked: give ${VARIABLES.secret}, several separated by commas`
      : verified
        ? `right${oldSecret ? ', by an older secret' : ''}`
        : 'wrong: the application takes it for no cookie at all';
  const rows = [
    ['signature', signature],
    ['stored id', id],
    ['key', key],
    ['slot', String(slot)],
    ['session', SESSIONS[session]],
  ];
  if (!details) return rows;
  const { userId, createdAt, authenticatedAt, seenAt, expiresAt, endsAt, nextId } = details;
  return [
    ...rows,
    ['user', userId ?? 'nobody'],
    ['created', createdAt.toISOString()],
    ['authenticated', authenticatedAt?.toISOString() ?? 'no'],
    ['last seen', seenAt.toISOString()],
    ['expires without a request', expiresAt.toISOString()],
    ['ends in any case', endsAt?.toISOString() ?? 'no absolute timeout when it was stored'],
    ...(nextId === null ? [] : [['moved to', nextId]]),
  ];
}

/** A cookie on the command line can be read by every user of the machine. */
async function firstLine({ input }: CommandTerminal): Promise<string> {
  const lines = createInterface({ input, terminal: false });
  try {
    for await (const line of lines) return line;
    return '';
  } finally {
    lines.close();
  }
}
