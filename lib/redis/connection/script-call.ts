import type { Script } from '../../core/script.js';
import type { LinkCommand } from '../../core/session-link.js';
import { isReplyError } from './connection-lost.error.js';
import { RedactedCommand } from './redacted-command.js';

type Arguments = readonly (string | Buffer)[];

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
  #deferredCount = 0;

  constructor(private readonly send: CommandSender) {}

  /** Commands that went after others that were to be sent later. All else is on its way when `run` returns. */
  get deferredCount(): number {
    return this.#deferredCount;
  }

  /**
   * Runs one command.
   *
   * @param command - what to run
   * @param notAfterMs - for a script that writes: Redis's clock after which it must refuse
   * @param send - how it is sent, when not like the others
   */
  run(command: LinkCommand, notAfterMs: number, send: CommandSender = this.send): Promise<unknown> {
    const { run, keys, args } = command;
    if (typeof run === 'string')
      return send(new RedactedCommand({ name: run, args: [...keys, ...args], shown: signs(keys, args), keys }));
    const all = run.isWrite ? [String(notAfterMs), ...args] : args;
    const loading = this.#loading.get(run.sha1);
    if (!loading) return this.#runLoaded(run, keys, all, send);
    this.#deferredCount++;
    return loading.then(() => this.#runLoaded(run, keys, all, send));
  }

  #runLoaded(script: Script, keys: readonly string[], args: Arguments, send: CommandSender): Promise<unknown> {
    return send(scriptCommand('evalsha', script.sha1, script.sha1, keys, args)).catch((error: unknown) => {
      if (!isUnknownScript(error)) throw error;
      return this.#runUnknown(script, keys, args, send);
    });
  }

  async #runUnknown(script: Script, keys: readonly string[], args: Arguments, send: CommandSender): Promise<unknown> {
    this.#deferredCount++;
    const loadedMeanwhile = this.#loading.get(script.sha1);
    if (loadedMeanwhile === undefined) return this.#load(script, keys, args, send);
    await loadedMeanwhile;
    try {
      return await send(scriptCommand('evalsha', script.sha1, script.sha1, keys, args));
    } catch (again) {
      // Another node of a Cluster has loaded it, not the one that has to run it.
      if (!isUnknownScript(again)) throw again;
      return this.#load(script, keys, args, send);
    }
  }

  #load(script: Script, keys: readonly string[], args: Arguments, send: CommandSender): Promise<unknown> {
    const reply = send(scriptCommand('eval', script.text, script.name, keys, args));
    const loaded = reply.catch(() => undefined).then(() => this.#loading.delete(script.sha1));
    this.#loading.set(script.sha1, loaded);
    return reply;
  }
}

function isUnknownScript(error: unknown): boolean {
  return isReplyError(error) && error.message.startsWith('NOSCRIPT');
}

/** One sign for all: there are dozens, and ioredis looks at each. */
function signs(keys: readonly unknown[], args: readonly unknown[]): readonly string[] {
  return keys.length + args.length > 0 ? SIGN : NO_SIGN;
}

const SIGN: readonly string[] = ['?'];
const NO_SIGN: readonly string[] = [];

function scriptCommand(
  name: 'eval' | 'evalsha',
  script: string,
  shownScript: string,
  keys: readonly string[],
  args: Arguments,
): RedactedCommand {
  const count = String(keys.length);
  const shown = [shownScript, count, ...signs(keys, args)];
  return new RedactedCommand({ name, args: [script, count, ...keys, ...args], shown, keys });
}
