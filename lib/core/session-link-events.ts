import type { FailoverReport } from './session-link.js';

/** Events of the link to Redis: one per happening, never one per retry. @public */
export interface SessionLinkEvents {
  /** A usable primary was found for the first time or again. */
  readonly ready: { readonly primary: string };
  /** The primary in use was lost; operations wait. */
  readonly lost: { readonly primary: string; readonly reason: string };
  /** Another node is the primary now. */
  readonly failover: FailoverReport;
  /** Changes are acknowledged although only the primary has them. */
  readonly degraded: { readonly primary: string; readonly reason: string };
  /** A replica is back; changes are replicated again. */
  readonly recovered: { readonly primary: string };
}
