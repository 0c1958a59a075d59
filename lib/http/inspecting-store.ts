import type { SessionData, Store } from 'express-session';
import type { Done } from './store-calls.js';

/** A store that can say itself what a live session needs. @internal */
export interface InspectingStore extends Store {
  pending(session: object): 'nothing' | 'touch' | 'changes';
  rotate(sid: string, graceMs: number, callback: Done): void;
  changedFields(session: object): readonly string[];
  forget(sid: string): void;
  loadForRequest(
    sid: string,
    callback: (error?: unknown, data?: SessionData | null) => void,
    signal: (() => AbortSignal) | undefined,
  ): void;
  setOwner(session: object, owner: string | undefined): void;
}

/** Whether a store can. @internal */
export function isInspecting(store: Store): store is InspectingStore {
  return 'pending' in store && typeof store.pending === 'function';
}
