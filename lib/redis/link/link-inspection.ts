import type { LinkCommand, SessionLink, SessionLinkInspection } from '../../core/session-link.js';
import { SessionUnavailableError } from '../../errors/session-unavailable.error.js';
import { isReplyError } from '../connection/connection-lost.error.js';
import { addressKey } from '../connection/node-address.js';
import { parseInfo, parseRole } from '../connection/node-report.js';
import { codeOf, isUnasked } from '../connection/server-reply.js';
import type { SentinelInspection } from './route.js';

/** What an inspection asks. @internal */
export interface InspectionParts {
  /** Time for the whole. @unit milliseconds */
  readonly timeoutMs: number;
  /** A change that a server runs when it takes sessions. */
  readonly probe: LinkCommand;
  readonly inspectSentinels: () => Promise<SentinelInspection | null>;
}

/**
 * Asks the nodes themselves, through the same gate and connections as the sessions, and makes a change as the sessions do.
 *
 * @throws SessionUnavailableError when there is no answer within `timeoutMs`.
 *
 * @internal
 */
export async function inspectLink(
  link: SessionLink,
  { timeoutMs, probe, inspectSentinels }: InspectionParts,
): Promise<SessionLinkInspection> {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort();
  }, timeoutMs);
  const late = (cause?: unknown): Error => {
    const text = `Redis has not answered the inspection within ${timeoutMs} ms.`;
    return new SessionUnavailableError('deadline', text, cause === undefined ? undefined : { cause });
  };
  let refusal: string | null = null;
  const run = async (command: LinkCommand): Promise<unknown> => {
    try {
      return await link.execute(command, { signal: () => controller.signal });
    } catch (error) {
      if (error instanceof SessionUnavailableError && error.reason === 'aborted') throw late(error.cause);
      if (!isReplyError(error)) throw error;
      // What the user of this connection may not ask stays unknown; but the change they must be able to make.
      if (command === probe || !isUnasked(error)) refusal ??= codeOf(error);
      return null;
    }
  };
  const ask = (name: 'ping' | 'role' | 'info', ...args: string[]): Promise<unknown> =>
    run({ run: name, keys: [], args });
  const startedAt = performance.now();
  try {
    const answers = Promise.all([
      ask('ping').then(() => performance.now() - startedAt),
      ask('role'),
      ask('info', 'memory'),
      inspectSentinels(),
      run(probe),
    ]);
    const [roundTripMs, role, info, sentinels] = await withinSignal(answers, controller.signal, late);
    const told = parseRole(role);
    const memory = parseInfo(info);
    return {
      roundTripMs,
      role: told.role,
      replicas: (told.replicas ?? []).map(({ address, offset }) => ({
        address: addressKey(address),
        lagBytes: Math.max(0, (told.offset ?? 0) - offset),
        online: true,
      })),
      sentinels,
      refusal,
      usedMemoryBytes: bytesOf(memory.get('used_memory')),
      // 0 stands for no limit.
      maxMemoryBytes: bytesOf(memory.get('maxmemory')?.replace(/^0$/, '')),
    };
  } finally {
    clearTimeout(timer);
  }
}

function withinSignal<T>(promise: Promise<T>, signal: AbortSignal, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => {
      // After the commands that wait, which know why.
      setImmediate(() => {
        reject(late());
      });
    });
    promise.then(resolve, reject);
  });
}

function bytesOf(text: string | undefined): number | null {
  return text ? Number(text) : null;
}
