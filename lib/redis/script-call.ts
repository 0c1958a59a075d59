import type { Script } from '../core/script.js';
import type { LinkCommand } from '../core/session-link.js';
import { isReplyError } from './connection-lost.error.js';
import { RedactedCommand } from './redacted-command.js';

/** Whatever sends a command and resolves with its reply. @internal */
export type CommandSender = (command: RedactedCommand) => Promise<unknown>;

/**
 * Runs link commands on one connection. Scripts go by their digest; the first to meet a server that does not know one brings
 * its text, and the others wait for it, so that a promoted node is not sent a thousand copies.
 *
 * @internal
 */
export class CommandRunner {
  readonly #loading = new Map<string, Promise<unknown>>();
  #resentCount = 0;

  constructor(private readonly send: CommandSender) {}

  /** Commands that went a second time, after others that were sent later. */
  get resentCount(): number {
    return this.#resentCount;
  }

  /** @param notAfterMs - for a script that writes: Redis's clock after which it must refuse */
  async run({ run, keys, args }: LinkCommand, notAfterMs: number): Promise<unknown> {
    if (typeof run === 'string') return this.send(new RedactedCommand(run, [...keys, ...args], [...keys, ...args.map(() => '?')]));
    const all = run.isWrite ? [String(notAfterMs), ...args] : args;
    await this.#loading.get(run.sha1);
    try {
      return await this.send(scriptCommand('evalsha', run.sha1, run.sha1, keys, all));
    } catch (error) {
      if (!isReplyError(error) || !error.message.startsWith('NOSCRIPT')) throw error;
    }
    this.#resentCount++;
    const loading = this.#loading.get(run.sha1);
    if (loading) {
      await loading;
      return this.send(scriptCommand('evalsha', run.sha1, run.sha1, keys, all));
    }
    return this.#load(run, keys, all);
  }

  #load(script: Script, keys: readonly string[], args: readonly (string | Buffer)[]): Promise<unknown> {
    const reply = this.send(scriptCommand('eval', script.text, script.name, keys, args));
    const loaded = reply
      .catch(() => undefined)
      .then(() => this.#loading.delete(script.sha1));
    this.#loading.set(script.sha1, loaded);
    return reply;
  }
}

function scriptCommand(
  name: 'eval' | 'evalsha',
  script: string,
  shownScript: string,
  keys: readonly string[],
  args: readonly (string | Buffer)[],
): RedactedCommand {
  const count = String(keys.length);
  return new RedactedCommand(name, [script, count, ...keys, ...args], [shownScript, count, ...keys, ...args.map(() => '?')]);
}
