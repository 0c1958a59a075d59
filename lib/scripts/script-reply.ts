import type { Script } from '../core/script.js';
import { SessionScriptError } from '../errors/session-script.error.js';

/** Reply of a script that changes one session. @internal */
export type SessionReply =
  | {
      readonly done: true;
      /** The server's clock when the script ran: epoch milliseconds. */
      readonly nowMs: number;
      /** What follows: numbers or texts, by script. */
      readonly rest: readonly (number | string)[];
    }
  | {
      readonly done: false;
      /** Why nothing was done: `gone`, `taken`, `ended`, `lock`, `conflict`, `full`, by script. */
      readonly reason: string;
      /** What it is about, by reason. */
      readonly names: readonly string[];
    };

/**
 * Reads `[1, now, …]` or `[0, now, reason, …]`.
 *
 * @throws SessionScriptError when it is anything else.
 * @internal
 */
export function sessionReply(script: Script, reply: unknown): SessionReply {
  if (!Array.isArray(reply) || typeof reply[1] !== 'number' || (reply[0] !== 0 && reply[0] !== 1)) {
    throw new SessionScriptError(script.name, reply);
  }
  const [code, nowMs, ...rest] = reply as [number, number, ...(number | string)[]];
  if (code === 1) return { done: true, nowMs, rest };
  const [reason = 'gone', ...names] = rest.map(String);
  return { done: false, reason, names };
}

/**
 * Reads a whole number.
 *
 * @throws SessionScriptError when it is anything else.
 * @internal
 */
export function numberReply(script: Script, reply: unknown): number {
  if (typeof reply !== 'number') throw new SessionScriptError(script.name, reply);
  return reply;
}

/**
 * Reads a list of texts.
 *
 * @throws SessionScriptError when it is anything else.
 * @internal
 */
export function textsReply(script: Script, reply: unknown): readonly string[] {
  if (!Array.isArray(reply) || !reply.every((element) => typeof element === 'string')) {
    throw new SessionScriptError(script.name, reply);
  }
  return reply;
}
