import type { Script } from '../core/script.js';
import { SessionScriptError } from '../errors/session-script.error.js';

/**
 * Reads a reply of the form `[1, now, …]` or `[0, now, reason, …]`, and checks the type of every value that is asked for.
 *
 * @internal
 */
export class ScriptReply {
  /** Whether the script did its work. */
  readonly isDone: boolean;
  /** The server's clock when the script ran: epoch milliseconds. */
  readonly nowMs: number;

  private readonly values: readonly unknown[];

  /**
   * Takes a reply as it came.
   *
   * @throws SessionScriptError when it has another form.
   */
  constructor(
    private readonly script: Script,
    reply: unknown,
  ) {
    this.values = Array.isArray(reply) ? reply : [];
    const [code] = this.values;
    if (code !== 0 && code !== 1) throw this.unexpected();
    this.isDone = code === 1;
    this.nowMs = this.number(1);
  }

  /** Why nothing was done. */
  get reason(): string {
    return this.text(2);
  }

  /** A number. @throws SessionScriptError when it is anything else. */
  number(index: number): number {
    const value = this.values[index];
    if (typeof value !== 'number') throw this.unexpected();
    return value;
  }

  /** A text. @throws SessionScriptError when it is anything else. */
  text(index: number): string {
    const value = this.values[index];
    if (typeof value !== 'string') throw this.unexpected();
    return value;
  }

  /** A text, or `undefined` when the reply ends before it. @throws SessionScriptError when it is anything else. */
  optionalText(index: number): string | undefined {
    return index < this.values.length ? this.text(index) : undefined;
  }

  /** All texts from `index` on. @throws SessionScriptError when one of them is anything else. */
  texts(index: number): readonly string[] {
    return textsReply(this.script, this.values.slice(index));
  }

  /** The error that says that this reply was not expected. */
  unexpected(): SessionScriptError {
    return new SessionScriptError(this.script.name, this.values);
  }
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
