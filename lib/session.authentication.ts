import { SessionMissingError } from './errors/session-missing.error.js';
import { SessionUnsupportedError } from './errors/session-unsupported.error.js';
import type { SessionContext } from './http/session-context.js';
import type { SessionRequest } from './http/session-request.js';
import type { ResolvedSessionOptions } from './options/resolved-session.options.js';
import type { RequestDraft } from './store/request-store.js';

/** How a user has authenticated. @public */
export interface SessionAuthenticationOptions {
  /** `password`, `webauthn`, `otp` …: at most 64 letters, digits, `.`, `_`, `:`, `+` and `-`. Shown by `list`. */
  readonly method?: string | undefined;
  /**
   * Who acts in the user's name (impersonation). Shown by `list`; the absolute deadline stays, and `@RequireRecentSignIn` refuses.
   */
  readonly actor?: string | number | undefined;
  /**
   * The `sid` of the identity provider's session, for `revokeBySid`; with several providers begin it with the issuer. Without it the
   * one of before stays, as at a step-up; a new user has none of before.
   */
  readonly providerSid?: string | undefined;
}

/** How the current session's user has authenticated. @public */
export interface SessionAuthenticationState {
  /** How long ago, by Redis's clock. @unit milliseconds */
  readonly ageMs: number;
  /** `password`, `webauthn` …, or `null` when it is not known. */
  readonly method: string | null;
  /** Who acts in the user's name, or `null`. */
  readonly actor: string | null;
}

/** How long a session still lives. @public */
export interface SessionRemaining {
  /** Without another request; a request that is no use of it (`@SessionAccess('passive')`) does not change that. @unit milliseconds */
  readonly idleMs: number;
  /** However busy it is; `null` without `absoluteTimeoutMs`. @unit milliseconds */
  readonly absoluteMs: number | null;
}

/** How the request's session ends. @public */
export interface DestroyOptions {
  /**
   * What the browser is to forget of this site, by the header `Clear-Site-Data`; `true`: cache, cookies and storage. Browsers take
   * it over HTTPS alone, and `cookies` are those of the whole registrable domain.
   *
   * @defaultValue nothing
   */
  readonly clearSiteData?:
    boolean | readonly ('cache' | 'cookies' | 'storage' | 'executionContexts' | '*')[] | undefined;
}

const METHOD = /^[\w.:+-]{1,64}$/;

/** Longer is no session's name. @unit characters */
const MAX_PROVIDER_SID = 1024;

/**
 * Looks whether all of it can be kept.
 *
 * @throws RangeError when it cannot.
 * @internal
 */
export function checkAuthentication({ method, providerSid }: SessionAuthenticationOptions): void {
  if (method !== undefined && !METHOD.test(method)) {
    throw new RangeError('method must be 1 to 64 letters, digits, ".", "_", ":", "+" and "-".');
  }
  if (providerSid !== undefined) checkProviderSid(providerSid);
}

/**
 * Looks whether a text can name a session of an identity provider.
 *
 * @throws RangeError when it cannot.
 * @internal
 */
export function checkProviderSid(sid: unknown): void {
  if (typeof sid === 'string' && sid !== '' && sid.length <= MAX_PROVIDER_SID) return;
  throw new RangeError(
    `The sid of an identity provider's session must be a text of 1 to ${MAX_PROVIDER_SID} characters.`,
  );
}

/** Adds `Clear-Site-Data` to the response, if that is wanted. @internal */
export function clearSiteData(context: SessionContext, { clearSiteData: wanted }: DestroyOptions): void {
  const request = context.request();
  const kinds = wanted === true ? ['cache', 'cookies', 'storage'] : wanted === false ? [] : (wanted ?? []);
  if (kinds.length === 0 || !request || request.response.headersSent) return;
  request.response.setHeader('Clear-Site-Data', kinds.map((kind) => `"${kind}"`).join(', '));
}

/**
 * The session of the current request.
 *
 * @throws SessionMissingError when there is none.
 * @internal
 */
export function requireRequest(context: SessionContext, what: string): SessionRequest {
  const request = context.request();
  if (!request) throw new SessionMissingError(`SessionService.${what}`, 'the code that runs');
  return request;
}

/**
 * The draft of it, where it is known whose a session is.
 *
 * @throws SessionUnsupportedError when it is not.
 * @throws SessionMissingError when there is no session.
 * @internal
 */
export function requireDraft(
  context: SessionContext,
  { userId }: Pick<ResolvedSessionOptions, 'userId'>,
  what: string,
): RequestDraft {
  if (!userId) throw new SessionUnsupportedError(what, 'the option `userId`');
  const { draft } = requireRequest(context, what).current;
  if (!draft) throw new SessionMissingError(`SessionService.${what}`, 'the code that runs');
  return draft;
}
