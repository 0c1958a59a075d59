import { Command } from 'ioredis';

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

/**
 * A command whose visible arguments say nothing: `shown` is what debug output, error objects and the subscribers of
 * ioredis's tracing channels see; only the bytes on the wire carry the real ones.
 *
 * @remarks
 * ioredis masks the values of `SET` and `HSET` for tracing, but not those of `EVALSHA`, through which all changes of
 * sessions travel; and every error reply carries the arguments of its command.
 *
 * @internal
 */
export class RedactedCommand extends Command {
  readonly #encoded: string | Buffer;
  #writtenTo: object | null = null;

  constructor(name: string, args: readonly (string | Buffer)[], shown: readonly string[]) {
    super(name, [...shown], { replyEncoding: 'utf8' });
    this.#encoded = encode(name, args);
  }

  /** The socket it was written to last. */
  get writtenTo(): object | null {
    return this.#writtenTo;
  }

  /** As ioredis does it, except that a list stays a list: what it makes an object of, `HGETALL`'s, is read once and by us. */
  override transformReply(reply: Buffer | Buffer[]): string | string[] | Buffer | Buffer[] {
    return Array.isArray(reply) ? (reply.map(textOf) as string[]) : super.transformReply(reply);
  }

  override toWritable(socket: object): string | Buffer {
    this.#writtenTo = socket;
    return this.#encoded;
  }
}
