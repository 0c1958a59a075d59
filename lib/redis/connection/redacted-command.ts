import { Command, Redis } from 'ioredis';

/** Bytes of one command as RESP wants them. */
function encode(name: string, args: readonly (string | Buffer)[]): string | Buffer {
  let text = `*${args.length + 1}\r\n$${name.length}\r\n${name}\r\n`;
  let chunks: Buffer[] | null = null;
  for (const arg of args) {
    if (typeof arg === 'string') {
      text += `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`;
    } else {
      chunks ??= [];
      chunks.push(Buffer.from(`${text}$${arg.length}\r\n`), arg);
      text = '\r\n';
    }
  }
  if (!chunks) return text;
  chunks.push(Buffer.from(text));
  return Buffer.concat(chunks);
}

function textOf(element: unknown): unknown {
  if (element instanceof Buffer) return element.toString();
  return Array.isArray(element) ? element.map(textOf) : element;
}

/** Stands for whatever is not shown. */
const HIDDEN = '?';

/** What of a command is shown, and which keys it has. @internal */
export interface RedactedCommandParts {
  readonly name: string;
  /** What goes over the wire after the name. */
  readonly args: readonly (string | Buffer)[];
  /** What debug output, error objects and tracing channels see instead. */
  readonly shown: readonly string[];
  /** Its keys, which decide where a Cluster sends it. */
  readonly keys?: readonly string[];
}

/**
 * A command that shows nothing of sessions: debug output, error objects and the subscribers of ioredis's tracing channels see
 * neither its arguments nor its keys nor its reply. Only the bytes on the wire carry them.
 *
 * @remarks
 * ioredis masks the values of `SET` and `HSET` for tracing, but not those of `EVALSHA`, through which all changes of
 * sessions travel, and no reply at all; and every error reply carries the arguments of its command. Names of keys hold stored
 * ids and user ids.
 *
 * @internal
 */
export class RedactedCommand extends Command {
  readonly #encoded: string | Buffer;
  readonly #keys: readonly string[];
  #writtenTo: object | null = null;
  #reply: unknown = undefined;

  constructor({ name, args, shown, keys = [] }: RedactedCommandParts) {
    super(name, [...shown], { replyEncoding: 'utf8' });
    this.#encoded = encode(name, args);
    this.#keys = keys;
  }

  /** The socket it was written to last. */
  get writtenTo(): object | null {
    return this.#writtenTo;
  }

  /** The reply, once `promise` has resolved: that one resolves with a sign, since tracing shows it. */
  get reply(): unknown {
    return this.#reply;
  }

  /** Resolves with the reply. */
  get replied(): Promise<unknown> {
    return this.promise.then(() => this.#reply);
  }

  /** As ioredis does it, except that a list stays a list: what it makes an object of, `HGETALL`'s, is read once and by us. */
  override transformReply(reply: Buffer | Buffer[]): string {
    this.#reply = Array.isArray(reply) ? reply.map(textOf) : super.transformReply(reply);
    return HIDDEN;
  }

  override getKeys(): string[] {
    return [...this.#keys];
  }

  override toWritable(socket: object): string | Buffer {
    this.#writtenTo = socket;
    return this.#encoded;
  }
}

/** A command whose arguments anybody may see. @internal */
export function openCommand(name: string, ...args: readonly string[]): RedactedCommand {
  return new RedactedCommand({ name, args, shown: args });
}

/** Commands of ioredis's own handshake that carry a password. */
const WITH_PASSWORD: ReadonlySet<string> = new Set(['auth', 'hello']);

/**
 * An ioredis client that shows no password to its debug output (`DEBUG=ioredis:*`) and to its tracing channels.
 *
 * @internal
 */
export class QuietRedis extends Redis {
  override sendCommand(...[command, stream]: Parameters<Redis['sendCommand']>): unknown {
    if (!WITH_PASSWORD.has(command.name)) return super.sendCommand(command, stream);
    const args = command.args.map((arg) => (arg instanceof Buffer ? arg : String(arg)));
    return super.sendCommand(new RedactedCommand({ name: command.name, args, shown: ['?'] }), stream);
  }
}
