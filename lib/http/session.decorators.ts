import type { ExecutionContext, PipeTransform } from '@nestjs/common';
import { Inject, createParamDecorator } from '@nestjs/common';
import type { SessionData } from 'express-session';
import { SESSION_REDIS } from '../core/session.tokens.js';
import { SessionMissingError } from '../errors/session-missing.error.js';
import { rawRequestOf } from './raw-http.js';
import type { LiveSession } from './session.types.js';

type ParameterOf<Target, Key extends keyof Target, Index extends number> = Target[Key] extends (
  ...args: infer Parameters
) => unknown
  ? Parameters[Index]
  : never;

/**
 * What the compiler's message names when a parameter cannot take what its decorator gives: a wrong type, or `| undefined` is
 * missing.
 *
 * @typeParam Given - what the decorator gives
 * @typeParam Taken - what the parameter takes
 * @public
 */
export interface SessionParameterMismatch<Given, Taken> {
  /** The decorator gives this, */
  readonly given: Given;
  /** which the parameter cannot take. */
  readonly taken: Taken;
}

/**
 * A parameter decorator that the compiler checks: it compiles only on a parameter that can take the decorator's value.
 *
 * @typeParam Value - what the decorator hands to the parameter
 * @public
 */
export type SessionParameterDecorator<Value> = <Target extends object, Key extends keyof Target, Index extends number>(
  target: Target,
  key: Key &
    ([Value] extends [ParameterOf<Target, Key, Index>]
      ? unknown
      : SessionParameterMismatch<Value, ParameterOf<Target, Key, Index>>),
  index: Index,
) => void;

/** The decorators for one application's session data. @public */
export interface SessionDecorators<Data extends object> {
  /** The live session itself: what is changed in it is stored with the request. */
  readonly CurrentSession: () => SessionParameterDecorator<LiveSession<Data>>;
  /** One value of the session; `undefined` when it is not there. */
  readonly SessionValue: <Name extends Exclude<keyof Data, 'cookie'> & string>(
    name: Name,
  ) => SessionParameterDecorator<Data[Name] | undefined>;
  /** The session's id. */
  readonly SessionId: () => SessionParameterDecorator<string>;
}

/**
 * The decorators for session data given as a type argument, for those who prefer that to `declare module 'express-session'`.
 *
 * @example
 * ```ts
 * export const { CurrentSession, SessionValue, SessionId } = sessionDecorators<PortalSession>();
 * ```
 * @public
 */
export function sessionDecorators<Data extends object>(): SessionDecorators<Data> {
  return { CurrentSession, SessionValue, SessionId } as unknown as SessionDecorators<Data>;
}

/**
 * The live session: what is changed in it is stored with the request.
 *
 * @remarks A request without a session (a route that the module does not cover) fails with {@link SessionMissingError}.
 * @public
 */
export function CurrentSession(): SessionParameterDecorator<LiveSession> {
  return parameter('@CurrentSession()', (session) => session);
}

/**
 * One value of the session; `undefined` when it is not there, so the parameter must allow that.
 *
 * @param name - a key of what the application declared for express-session's `SessionData`
 * @remarks A request without a session (a route that the module does not cover) fails with {@link SessionMissingError}.
 * @public
 */
export function SessionValue<Name extends Exclude<keyof SessionData, 'cookie'>>(
  name: Name,
): SessionParameterDecorator<SessionData[Name] | undefined> {
  return parameter(`@SessionValue('${name}')`, (session) => session[name]);
}

/**
 * The session's id, as the cookie carries it: a secret, not for logs.
 *
 * @remarks A request without a session (a route that the module does not cover) fails with {@link SessionMissingError}.
 * @public
 */
export function SessionId(): SessionParameterDecorator<string> {
  return parameter('@SessionId()', (session) => session.id);
}

/** Injects the ioredis client of the sessions' Redis; `null` when sessions live elsewhere. @public */
export function InjectSessionRedis(): PropertyDecorator & ParameterDecorator {
  return Inject(SESSION_REDIS);
}

function parameter(asker: string, pick: (session: LiveSession) => unknown): SessionParameterDecorator<never> {
  const extract = (_data: unknown, context: ExecutionContext): SealedValue => {
    const session = rawRequestOf(context)?.session;
    if (!session) throw new SessionMissingError(asker, `${context.getClass().name}.${context.getHandler().name}`);
    return seal(pick(session));
  };
  const decorate = createParamDecorator(extract)(undefined, new UnsealPipe(asker));
  return (target, key, index) => {
    hideParameterType(target, key, index);
    decorate(target, key as string | symbol, index);
  };
}

const SEALED = Symbol('nestjs-ha-session:sealed');

/**
 * A value on its way through the application's global pipes. In a function, because pipes that transform (Nest's
 * `ValidationPipe`, pipes that trim or clone) rebuild objects, and a rebuilt session is not the one that is stored.
 */
interface SealedValue {
  (): unknown;
  readonly [SEALED]: true;
}

function seal(value: unknown): SealedValue {
  return Object.assign(() => value, { [SEALED]: true } as const);
}

/** Runs after the global pipes, as a parameter's own pipe does. */
class UnsealPipe implements PipeTransform {
  constructor(private readonly asker: string) {}

  transform(value: unknown): unknown {
    if (typeof value === 'function' && SEALED in value) return (value as SealedValue)();
    throw new TypeError(
      `${this.asker}: a global pipe replaced the value. Let the pipe leave alone what is not its own (metadata.type is 'custom').`,
    );
  }
}

/** To a validating pipe the parameter has no class: it would validate the session as an instance of that class. */
function hideParameterType(target: object, key: PropertyKey, index: number): void {
  const types = Reflect.getMetadata('design:paramtypes', target, key as string | symbol) as unknown[] | undefined;
  if (types) Reflect.defineMetadata('design:paramtypes', types.with(index, Object), target, key as string | symbol);
}
