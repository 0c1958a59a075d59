import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { SetMetadata, UseGuards, applyDecorators } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { SessionMissingError } from '../errors/session-missing.error.js';
import { SessionSignInRequiredError, SessionSignInTooOldError } from '../errors/session-sign-in.error.js';
import { SessionUnsupportedError } from '../errors/session-unsupported.error.js';
import { rawRequestOf } from './raw-http.js';
import { SessionRequest } from './session-request.js';

const MAX_AGE = Symbol.for('nestjs-ha-session:recent-sign-in');

/** Lets a request pass whose user has authenticated recently enough. */
class RecentSignInGuard implements CanActivate {
  private readonly reflector = new Reflector();

  canActivate(context: ExecutionContext): boolean {
    const maxAgeMs = this.reflector.getAllAndOverride<number>(MAX_AGE, [context.getHandler(), context.getClass()]);
    const request = rawRequestOf(context);
    const draft = request && SessionRequest.of(request)?.current.draft;
    if (!draft) {
      const place = `${context.getClass().name}.${context.getHandler().name}`;
      throw new SessionMissingError('@RequireRecentSignIn()', place);
    }
    // It happened in this very request, in a guard or middleware before.
    if (draft.authentication?.actor === null) return true;
    const { signIn } = draft;
    if (signIn === undefined)
      throw new SessionUnsupportedError('@RequireRecentSignIn()', 'sessions in Redis or in this process');
    if (signIn === null) throw new SessionSignInRequiredError();
    if (signIn.actor !== null || signIn.ageMs > maxAgeMs) throw new SessionSignInTooOldError(maxAgeMs);
    return true;
  }
}

/** One for all: it needs nothing of the module that a handler is in. */
const GUARD = new RecentSignInGuard();

/**
 * Lets a handler, or all of a controller's, be called only when the user has authenticated recently (a step-up): as they signed in,
 * or as `SessionService.markAuthenticated` noted since. A new id alone does not count, nor who acts in the user's name.
 *
 * @remarks
 * Otherwise a 401 (`SESSION_SIGN_IN_REQUIRED`, nobody is signed in) or a 403 (`SESSION_SIGN_IN_TOO_OLD`); the body has the `code`.
 * Needs the option `userId`. A handler's own word goes before its controller's.
 *
 * @param maxAgeMs - how long ago it may be, in milliseconds by Redis's clock
 * @throws RangeError when it is not a positive number.
 * @public
 */
export function RequireRecentSignIn(maxAgeMs: number): ClassDecorator & MethodDecorator {
  if (!(maxAgeMs > 0)) throw new RangeError('@RequireRecentSignIn() needs a positive number of milliseconds.');
  return applyDecorators(SetMetadata(MAX_AGE, maxAgeMs), UseGuards(GUARD));
}
