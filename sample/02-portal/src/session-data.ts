import type { Session, SessionData } from 'express-session';
import type { CartLine } from './cart/cart-line.js';
import type { OrderDraft, SubmittedOrder } from './orders/order.js';
import type { PortalUser } from './sign-in/directory.service.js';

/** Shown once, on the next page. */
export interface Notice {
  readonly kind: 'done' | 'fault';
  readonly text: string;
}

// All that the portal keeps in a session. `@SessionValue()` and `session.…` are checked against it.
declare module 'express-session' {
  interface SessionData {
    user: PortalUser;
    cart: CartLine[];
    /** The purchase order in progress. */
    draft: OrderDraft;
    /** The latest orders; a real portal would hand them to its order system. */
    orders: SubmittedOrder[];
    notice: Notice;
    /** Counts the changes made in this session, so that anybody can see whether one was lost. */
    changes: number;
    /** Written by the lab's own requests, one field per request under way. */
    [slot: `pulse${number}`]: number;
  }
}

export type PortalSession = Session & Partial<SessionData>;

/** Counts a change and tells the user about it on the next page. */
export function recordChange(session: PortalSession, text: string): void {
  session.changes = (session.changes ?? 0) + 1;
  session.notice = { kind: 'done', text };
}
