import type { Script } from '../core/script.js';
import type { SessionLink } from '../core/session-link.js';
import type { SessionReply } from '../scripts/script-reply.js';
import { numberReply, sessionReply, textsReply } from '../scripts/script-reply.js';

/**
 * Calls of scripts over the link, with their replies read.
 *
 * @internal
 */
export class RedisScriptCalls {
  constructor(private readonly link: SessionLink) {}

  /** A script that changes one session. */
  change(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<SessionReply> {
    return this.run(script, keys, args).then((reply) => sessionReply(script, reply));
  }

  /** A script that replies with a number. */
  async number(script: Script, keys: readonly string[], args: readonly (string | number)[] = []): Promise<number> {
    return numberReply(script, await this.run(script, keys, args));
  }

  /** A script that replies with texts. */
  async texts(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number)[] = [],
  ): Promise<readonly string[]> {
    return textsReply(script, await this.run(script, keys, args));
  }

  private run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    return this.link.execute({ run: script, keys, args: args.map(String) });
  }
}
