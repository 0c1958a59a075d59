import type { Socket } from 'node:net';
import { Command, Redis } from 'ioredis';

/** A command with so many characters is made into bytes here: for a text Node would reserve three bytes a character. */
const MOST_TEXT = 16_384;

/** What goes over the wire for a command that nobody wants any more. */
const NOTHING = '*1\r\n$4\r\nPING\r\n';

/** One command as RESP wants it. */
function encode(name: string, args: readonly (string | Buffer)[]): string | Buffer {
  let size = 0;
  let isText = true;
  for (const arg of args) {
    size += arg.length;
    isText &&= typeof arg === 'string';
  }
  const head = `*${args.length + 1}\r\n$${name.length}\r\n${name}\r\n`;
  if (!isText || size > MOST_TEXT) return encodeBytes(head, args);
  let text = head;
  for (const arg of args as readonly string[]) text += `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`;
  return text;
}

function encodeBytes(head: string, args: readonly (string | Buffer)[]): Buffer {
  const parts = args.map((arg) => {
    const length = typeof arg === 'string' ? Buffer.byteLength(arg) : arg.length;
    return { arg, length, head: `$${length}\r\n` };
  });
  // All but the arguments is ASCII.
  const size = parts.reduce((sum, part) => sum + part.head.length + part.length + 2, head.length);
  const bytes = Buffer.allocUnsafeSlow(size);
  let end = bytes.write(head, 'latin1');
  for (const { arg, head: length } of parts) {
    end += bytes.write(length, end, 'latin1');
    end += typeof arg === 'string' ? bytes.write(arg, end) : arg.copy(bytes, end);
    end += bytes.write('\r\n', end, 'latin1');
  }
  return bytes;
}

/** Where a socket that carries given-up commands keeps what to do when it goes: one listener, however many they are. */
const CARRIED = Symbol('carried');

type Carrier = Socket & { [CARRIED]?: Set<() => void> };

/** Calls back when a socket goes; returns the way to stop that. */
function whenGone(socket: Carrier, listener: () => void): () => void {
  if (!socket[CARRIED]) {
    const all = new Set<() => void>();
    socket[CARRIED] = all;
    socket.once('close', () => {
      for (const call of all) call();
    });
  }
  const listeners = socket[CARRIED];
  listeners.add(listener);
  return () => listeners.delete(listener);
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
  #encoded: string | Buffer;
  readonly #keys: readonly string[];
  #writtenTo: Socket | null = null;
  #reply: unknown = undefined;

  constructor({ name, args, shown, keys = [] }: RedactedCommandParts) {
    super(name, [...shown], { replyEncoding: 'utf8' });
    this.#encoded = encode(name, args);
    this.#keys = keys;
  }

  /** The socket it was written to last. */
  get writtenTo(): Socket | null {
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

  /** Whether a socket that is still open carries it. */
  get isOnItsWay(): boolean {
    return this.#writtenTo !== null && !this.#writtenTo.destroyed;
  }

  /**
   * Gives it up: when it has not been written yet, it never will be.
   *
   * @param onFree - called once nothing holds its bytes: it was answered, or the socket that carries it has gone
   */
  giveUp(onFree: () => void): void {
    this.#encoded = NOTHING;
    if (!this.isOnItsWay) {
      onFree();
      return;
    }
    let isFree = false;
    const end = (): void => {
      stop();
      if (!isFree) onFree();
      isFree = true;
    };
    const stop = whenGone(this.#writtenTo as Socket, end);
    void this.promise.then(end, end);
  }

  override toWritable(socket: object): string | Buffer {
    this.#writtenTo = socket as Socket;
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
