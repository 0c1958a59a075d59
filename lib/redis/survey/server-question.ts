import type { RedisNodeOptions } from '../../options/redis.options.js';
import { isReplyError } from '../connection/connection-lost.error.js';
import type { NodeAddress } from '../connection/node-address.js';

/** Sends one command to one server. @internal */
export type SendCommand = (name: string, ...args: string[]) => Promise<unknown>;

/** Opens one connection for a survey and closes it afterwards. @internal */
export type Visit = <T>(
  address: NodeAddress,
  node: RedisNodeOptions,
  ask: (send: SendCommand) => Promise<T>,
) => Promise<T>;

/**
 * Asks one server several questions and remembers which of them its user may not ask.
 *
 * @internal
 */
export class ServerQuestions {
  readonly refused: string[] = [];

  constructor(private readonly send: SendCommand) {}

  /**
   * The reply, or `undefined` when the server refuses the question.
   *
   * @throws ConnectionLostError when there is no answer.
   */
  async ask(name: string, ...args: string[]): Promise<unknown> {
    const reply = await this.tryOut(name, ...args);
    return reply instanceof Error ? undefined : reply;
  }

  /** The reply, or the server's own error. @throws ConnectionLostError when there is no answer. */
  async tryOut(name: string, ...args: string[]): Promise<unknown> {
    try {
      return await this.send(name, ...args);
    } catch (error) {
      if (!isReplyError(error)) throw error;
      if (error.message.startsWith('NOPERM')) this.refused.push(name.toLowerCase());
      return error;
    }
  }
}
