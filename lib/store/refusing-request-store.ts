import type { Session } from 'express-session';
import { ForeignDraft } from './foreign-request-store.js';
import type { RequestStore } from './request-store.js';

/**
 * The store of a request whose session could not be reached: refuses everything with the error that said so. An anonymous request
 * that leaves its session alone never asks it; one that signs somebody in, or out, gets the truth.
 *
 * @internal
 */
export function refusingRequestStore(error: unknown): RequestStore {
  const refuse = (): Promise<never> => Promise.reject(error);
  return {
    load: refuse,
    begin: (sid) => new ForeignDraft(sid, undefined, null),
    adopt: (session: Session) => new ForeignDraft(session.id, undefined, null),
    inspect: (_draft, session) => ({ fields: Object.keys(session), changesCookie: false }),
    save: refuse,
    touch: refuse,
    end: refuse,
    move: refuse,
    refresh: () => undefined,
  };
}
