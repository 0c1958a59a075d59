import type { LinkCommand, SessionLink, SessionLinkInspection } from '../../core/session-link.js';
import { SessionUnavailableError } from '../../errors/session-unavailable.error.js';
import { isReplyError } from '../connection/connection-lost.error.js';
import { addressKey } from '../connection/node-address.js';
import { parseInfo, parseRole } from '../connection/node-report.js';
import type { SentinelInspection } from './route.js';

/**
 * Asks the nodes themselves, through the same gate and connection as the sessions.
 *
 * @throws SessionUnavailableError when there is no answer within `timeoutMs`.
 *
 * @internal
 */
export async function inspectLink(
  link: SessionLink,
  timeoutMs: number,
  inspectSentinels: () => Promise<SentinelInspection | null>,
): Promise<SessionLinkInspection> {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort();
  }, timeoutMs);
  const late = new SessionUnavailableError('deadline', `Redis has not answered the inspection within ${timeoutMs} ms.`);
  const ask = async (run: LinkCommand['run'], ...args: string[]): Promise<unknown> => {
    try {
      return await link.execute({ run, keys: [], args }, { signal: () => controller.signal });
    } catch (error) {
      // What the user of this connection may not ask stays unknown.
      if (isReplyError(error)) return null;
      throw error;
    }
  };
  const startedAt = performance.now();
  try {
    const answers = Promise.all([
      ask('ping').then(() => performance.now() - startedAt),
      ask('role'),
      ask('info', 'memory'),
      inspectSentinels(),
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
      usedMemoryBytes: bytesOf(memory.get('used_memory')),
      // 0 stands for no limit.
      maxMemoryBytes: bytesOf(memory.get('maxmemory')?.replace(/^0$/, '')),
    };
  } finally {
    clearTimeout(timer);
  }
}

function withinSignal<T>(promise: Promise<T>, signal: AbortSignal, late: Error): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => {
      reject(late);
    });
    promise.then(resolve, reject);
  });
}

function bytesOf(text: string | undefined): number | null {
  return text ? Number(text) : null;
}
