import { inspect } from 'node:util';
import { RequestSession } from './request-session.js';
import type { Done } from './store-calls.js';
import type { LiveSession } from './session.types.js';

type Callback = (error: unknown) => void;
type SessionMethod = (this: LiveSession, callback?: Callback) => LiveSession | Promise<void>;

const METHODS: PropertyDescriptorMap = {
  save: descriptor((session, request, done) => {
    request.save(session, done);
  }),
  reload: descriptor((session, request, done) => {
    request.reload(session, done);
  }),
  destroy: descriptor((session, request, done) => {
    request.destroy(session, done);
  }),
  regenerate: descriptor((_session, request, done) => {
    request.regenerate(done);
  }),
  // A field that nobody has asked for yet would be shown as an accessor.
  [inspect.custom]: {
    configurable: true,
    value(this: LiveSession): object {
      return Object.assign(Object.create(Object.getPrototypeOf(this) as object) as object, this);
    },
  },
};

/**
 * Gives one live session methods that return promises when they get no callback. On the instance and out of sight of
 * `for in`: express-session's own prototype stays as it is.
 *
 * @internal
 */
export function equipSession(session: LiveSession): void {
  Object.defineProperties(session, METHODS);
}

function descriptor(run: (session: LiveSession, request: RequestSession, done: Done) => void): PropertyDescriptor {
  const value: SessionMethod = function (callback) {
    const request = RequestSession.of((this as unknown as { req: Parameters<typeof RequestSession.of>[0] }).req);
    if (!request) throw new Error('This session belongs to no request any more.');
    if (callback) {
      run(this, request, callback);
      return this;
    }
    const result = new Promise<void>((resolve, reject) => {
      run(this, request, (error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    });
    // Calls without callback and without `await` have always been legal: a failure must not end the process. It is not lost,
    // the end of the request tries again.
    result.catch(ignore);
    return result;
  };
  return { configurable: true, enumerable: false, writable: true, value };
}

function ignore(): void {
  // See above.
}
