import type { CanActivate, Type } from '@nestjs/common';
import { SessionConfigurationError } from '../errors/session-configuration.error.js';
import type { SessionConfigurationFault } from '../errors/session-configuration.error.js';

/**
 * Something that the monitor can do beside showing: `revoke` ends one session, or all of a user; `signOutAll` ends every session of
 * the installation; `failover` asks the Sentinels for a planned failover and measures its pause.
 *
 * @public
 */
export type SessionMonitorAction = 'revoke' | 'signOutAll' | 'failover';

/** Who is let in: a guard's class, which Nest makes with what it injects, or a guard. @public */
export type SessionMonitorGuard = Type<CanActivate> | CanActivate;

/** How the monitor is mounted. @public */
export interface SessionMonitorOptions {
  /**
   * Path of the page, under the application's global prefix.
   *
   * @defaultValue 'session-monitor'
   */
  readonly route?: string | undefined;
  /**
   * Who is let in: one guard, or several that must all agree. Without one the application does not start: the page lists the
   * sessions of users.
   */
  readonly guard: SessionMonitorGuard | readonly SessionMonitorGuard[];
  /**
   * What those who are let in may do: `true`, everything; a list, so much; `false`, only look.
   *
   * @defaultValue false
   */
  readonly allowActions?: boolean | readonly SessionMonitorAction[] | undefined;
}

/** Options with their defaults. @internal */
export interface ResolvedSessionMonitorOptions {
  readonly route: string;
  readonly guards: readonly SessionMonitorGuard[];
  readonly actions: readonly SessionMonitorAction[];
}

const ACTIONS: readonly SessionMonitorAction[] = ['revoke', 'signOutAll', 'failover'];

/** Segments that need no escaping, neither in a URL nor in the page. */
const ROUTE = /^\/?[\w.~-]+(\/[\w.~-]+)*\/?$/;

/**
 * Fills in the defaults.
 *
 * @throws SessionConfigurationError that lists every fault.
 * @internal
 */
export function resolveMonitorOptions(options: SessionMonitorOptions): ResolvedSessionMonitorOptions {
  // What a user without a compiler may have left out.
  const { route = 'session-monitor', guard, allowActions = false } = options as Partial<SessionMonitorOptions>;
  const guards = guard === undefined ? [] : Array.isArray(guard) ? (guard as SessionMonitorGuard[]) : [guard];
  const actions = Array.isArray(allowActions) ? (allowActions as unknown[]) : allowActions === true ? ACTIONS : [];
  const faults: SessionConfigurationFault[] = [];
  if (typeof route !== 'string' || !ROUTE.test(route)) {
    faults.push({
      path: 'route',
      message: 'must be a path of letters, digits, ".", "_", "~" and "-": "admin/sessions".',
    });
  }
  if (guards.length === 0 || !guards.every(isGuard)) {
    faults.push({
      path: 'guard',
      message:
        'must be a guard, or a list of guards: the page shows and ends the sessions of users, to whom it lets in.',
    });
  }
  const unknown = actions.filter((action) => !ACTIONS.some((known) => known === action));
  if (unknown.length > 0 || (typeof allowActions !== 'boolean' && !Array.isArray(allowActions))) {
    faults.push({ path: 'allowActions', message: `must be true, false or a list of ${ACTIONS.join(', ')}.` });
  }
  if (faults.length > 0) throw new SessionConfigurationError(faults);
  return {
    route: route.replace(/^\/|\/$/g, ''),
    guards: guards as readonly SessionMonitorGuard[],
    actions: ACTIONS.filter((action) => actions.includes(action)),
  };
}

function isGuard(guard: unknown): boolean {
  const holder: unknown = typeof guard === 'function' ? (guard as Type).prototype : guard;
  return typeof (holder as Partial<CanActivate> | null | undefined)?.canActivate === 'function';
}
