import session from 'express-session';

type Operation = 'get' | 'set' | 'destroy' | 'touch';
type Callback<T = void> = (error?: unknown, value?: T) => void;

/** A small asynchronous express-session store that fails and waits as a test tells it. */
export class ScriptedStore extends session.Store {
  /** JSON by session id. */
  readonly sessions = new Map<string, string>();
  /** Every call in the order it came in. */
  readonly calls: Operation[] = [];
  private readonly failures = new Map<Operation, unknown>();
  private readonly gates = new Map<Operation, Promise<void>>();

  /** From now on the operation fails with this error; `undefined` ends that. */
  fail(operation: Operation, error: unknown): void {
    if (error === undefined) this.failures.delete(operation);
    else this.failures.set(operation, error);
  }

  /** From now on the operation waits; the result lets all of them go on. */
  hold(operation: Operation): () => void {
    let release = (): void => undefined;
    this.gates.set(operation, new Promise((resolve) => (release = resolve)));
    return () => {
      this.gates.delete(operation);
      release();
    };
  }

  count(operation: Operation): number {
    return this.calls.filter((call) => call === operation).length;
  }

  get(sid: string, callback: Callback<session.SessionData | null>): void {
    this.answer('get', callback, () => {
      const text = this.sessions.get(sid);
      return text === undefined ? null : (JSON.parse(text) as session.SessionData);
    });
  }

  set(sid: string, data: session.SessionData, callback: Callback = () => undefined): void {
    const text = JSON.stringify(data);
    this.answer('set', callback, () => {
      this.sessions.set(sid, text);
    });
  }

  destroy(sid: string, callback: Callback = () => undefined): void {
    this.answer('destroy', callback, () => {
      this.sessions.delete(sid);
    });
  }

  override touch(_sid: string, _data: session.SessionData, callback: Callback = () => undefined): void {
    this.answer('touch', callback, () => undefined);
  }

  private answer<T>(operation: Operation, callback: Callback<T>, act: () => T): void {
    this.calls.push(operation);
    const run = async (): Promise<T> => {
      await this.gates.get(operation);
      if (this.failures.has(operation)) throw this.failures.get(operation) as Error;
      return act();
    };
    run().then(
      (value) => setImmediate(callback, null, value),
      (error: unknown) => setImmediate(callback, error),
    );
  }
}
