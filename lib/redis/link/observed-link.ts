import type { KeyWatch, KeyWatchRequest } from '../../core/key-watch.js';
import type {
  LinkCommand,
  LinkCommandOptions,
  SessionLink,
  SessionLinkInspection,
  SessionLinkStatus,
} from '../../core/session-link.js';
import type { SessionLinkEvents } from '../../core/session-link-events.js';
import type { ObservedEnd, ObservedOperation, SessionObservers } from '../../core/session-observer.js';
import { SessionUnavailableError } from '../../errors/session-unavailable.error.js';

/** A link whose operations are shown to those who look on; without any it costs one comparison. @internal */
export class ObservedLink implements SessionLink {
  /** By script or command: made once, so that nothing is allocated for each operation. */
  readonly #operations = new Map<LinkCommand['run'], ObservedOperation>();

  constructor(
    private readonly link: SessionLink,
    private readonly observers: SessionObservers,
  ) {}

  execute(command: LinkCommand, options?: LinkCommandOptions): Promise<unknown> {
    return this.observers.isEmpty ? this.link.execute(command, options) : this.#observed(command, options);
  }

  ready(): Promise<void> {
    return this.link.ready();
  }

  nowMs(): number {
    return this.link.nowMs();
  }

  status(): SessionLinkStatus {
    return this.link.status();
  }

  inspect(timeoutMs: number): Promise<SessionLinkInspection> {
    return this.link.inspect(timeoutMs);
  }

  on<E extends keyof SessionLinkEvents>(event: E, listener: (payload: SessionLinkEvents[E]) => void): () => void {
    return this.link.on(event, listener);
  }

  watch(request: KeyWatchRequest): KeyWatch {
    return this.link.watch(request);
  }

  close(): Promise<void> {
    return this.link.close();
  }

  #observed(command: LinkCommand, options: LinkCommandOptions | undefined): Promise<unknown> {
    const operation = this.#operationOf(command.run);
    const end = this.observers.begin(operation);
    const startedAt = performance.now();
    const tell = (outcome: string, reply: unknown): void => {
      const payloadBytes = bytesOf(operation.isWrite ? command.args : reply);
      end({ outcome, durationMs: performance.now() - startedAt, payloadBytes } satisfies ObservedEnd);
    };
    return this.link.execute(command, options).then(
      (reply) => {
        tell(outcomeOf(command, reply), reply);
        return reply;
      },
      (error: unknown) => {
        tell(error instanceof SessionUnavailableError ? error.reason : 'error', null);
        throw error;
      },
    );
  }

  #operationOf(run: LinkCommand['run']): ObservedOperation {
    const known = this.#operations.get(run);
    if (known) return known;
    const isScript = typeof run !== 'string';
    const name = isScript ? run.name.replace(/-session$/, '') : run;
    const operation = { kind: name === 'hgetall' ? 'load' : name, isWrite: isScript && run.isWrite };
    this.#operations.set(run, operation);
    return operation;
  }
}

/** A script that did nothing replies `[0, now, reason, …]`; a hash that is not there has no fields. */
function outcomeOf({ run }: LinkCommand, reply: unknown): string {
  if (!Array.isArray(reply)) return 'ok';
  if (run === 'hgetall') return reply.length > 0 ? 'ok' : 'absent';
  return typeof run !== 'string' && reply[0] === 0 ? String(reply[2]) : 'ok';
}

function bytesOf(texts: unknown): number {
  if (!Array.isArray(texts)) return 0;
  let bytes = 0;
  for (const text of texts as readonly unknown[]) {
    if (typeof text === 'string') bytes += Buffer.byteLength(text);
    else if (Buffer.isBuffer(text)) bytes += text.length;
  }
  return bytes;
}
