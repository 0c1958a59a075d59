import type { IncomingMessage } from 'node:http';
import { isObservable, Observable } from 'rxjs';
import { catchError, concat, concatMap, defer, EMPTY, finalize, from, ignoreElements, map } from 'rxjs';
import type { RawRequest } from '../http/raw-http.js';
import { SessionRequest } from '../http/session-request.js';
import type { SessionContext } from '../http/session-context.js';
import type { SessionHandler } from '../http/session.middleware.js';
import { MessageResponse, messageRequest } from './message-request.js';

/** What loads sessions and carries them to whoever asks. @internal */
export interface SessionMachinery {
  readonly middleware: SessionHandler;
  readonly context: SessionContext;
}

/** The session of one message, or of a handshake: its own load, its own draft, its own commits. @internal */
export class MessageSession {
  /** Called when all is done. */
  onEnd: (() => void) | undefined;

  private constructor(
    private readonly context: SessionContext,
    readonly request: RawRequest,
    private readonly response: MessageResponse,
  ) {}

  /**
   * Loads it.
   *
   * @param hasCookies - whether the handshake's cookies count
   * @throws SessionUnavailableError when sessions cannot be reached.
   */
  static open(machinery: SessionMachinery, handshake: IncomingMessage, hasCookies: boolean): Promise<MessageSession> {
    const { middleware, context } = machinery;
    const response = new MessageResponse();
    const request = messageRequest(handshake, hasCookies);
    return new Promise((resolve, reject) => {
      middleware(request, response.asResponse, (error) => {
        if (error !== undefined && error !== null) {
          reject(error instanceof Error ? error : new Error('The session middleware failed', { cause: error }));
          return;
        }
        const inner = SessionRequest.of(request);
        if (inner) inner.current.canSendCookie = false;
        resolve(new MessageSession(context, request, response));
      });
    });
  }

  /** The id that its cookie carries; `undefined`: there is no stored session. */
  get sid(): string | undefined {
    return this.inner?.brought?.sid;
  }

  /** Whose session it is. */
  get userId(): string | null {
    return this.inner?.current.draft?.userId ?? null;
  }

  /** How long it lives from its load. @unit milliseconds */
  get remainingMs(): number {
    return this.inner?.current.draft?.remainingMs ?? 0;
  }

  /** Leaves the deadline of the session as it is, unless something changes. */
  doNotProlong(): void {
    if (this.inner) this.inner.isTouchOwed = false;
  }

  /** Runs what is to find this session. */
  run<T>(work: () => T): T {
    return this.context.run(this.request, work);
  }

  /** Stores what is to be stored. */
  async commit(): Promise<void> {
    await this.inner?.settle();
  }

  /** Stores what each value of a handler stands for before it is passed on, and all the rest in the end. */
  committed(result: unknown, fail: (error: unknown) => void): Promise<unknown> | Observable<unknown> {
    if (!isObservable(result)) return this.settled(result, fail);
    const values = new Observable((subscriber) => this.run(() => result.subscribe(subscriber))).pipe(
      concatMap((value) => from(this.commit()).pipe(map(() => value))),
    );
    const rest = defer(() => from(this.commit())).pipe(ignoreElements());
    const failing = catchError((error: unknown) => {
      fail(error);
      return EMPTY;
    });
    return concat(values, rest).pipe(
      failing,
      finalize(() => {
        this.end();
      }),
    );
  }

  /** The socket has gone: whoever waits for this session waits no longer. */
  abandon(): void {
    this.response.close();
  }

  /** All is done; gives back exclusive access. */
  end(): void {
    this.inner?.ended();
    this.response.close();
    this.onEnd?.();
  }

  private async settled(result: unknown, fail: (error: unknown) => void): Promise<unknown> {
    try {
      await this.commit();
      return result;
    } catch (error) {
      fail(error);
      return undefined;
    } finally {
      this.end();
    }
  }

  private get inner(): SessionRequest | undefined {
    return SessionRequest.of(this.request);
  }
}
