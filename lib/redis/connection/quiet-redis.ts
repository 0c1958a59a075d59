import { Redis } from 'ioredis';
import { RedactedCommand } from './redacted-command.js';

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
