export { SESSION_MIDDLEWARE, SESSION_OPTIONS, SESSION_REDIS, SESSION_STORE } from './core/session.tokens.js';
export type { SessionEvent, SessionEventListener } from './core/session-events.js';
export type { SessionLinkInspection, SessionLinkStatus, SessionSentinelInspection } from './core/session-link.js';
export type { FailoverReport, SessionLinkEvents } from './core/session-link-events.js';
export type { RedisSurveyOptions } from './core/redis-survey.js';
export type { SessionFinding, SessionFindingSeverity } from './doctor/session-finding.js';
export { SessionConfigurationError } from './errors/session-configuration.error.js';
export type { SessionConfigurationFault } from './errors/session-configuration.error.js';
export { SessionAccessError } from './errors/session-access.error.js';
export { SessionConflictError } from './errors/session-conflict.error.js';
export { SessionCookieError } from './errors/session-cookie.error.js';
export { SessionCookieUnsendableError } from './errors/session-cookie-unsendable.error.js';
export { SessionFailoverError } from './errors/session-failover.error.js';
export { SessionGoneError } from './errors/session-gone.error.js';
export { SessionHttpError } from './errors/session-http.error.js';
export { SessionIdTakenError } from './errors/session-id-taken.error.js';
export { SessionMissingError } from './errors/session-missing.error.js';
export { SessionLimitError } from './errors/session-limit.error.js';
export { SessionLockLostError, SessionLockTimeoutError } from './errors/session-lock.error.js';
export { SessionNotLiveError } from './errors/session-not-live.error.js';
export { SessionReadonlyError } from './errors/session-readonly.error.js';
export { SessionScriptError } from './errors/session-script.error.js';
export { SessionSerializationError } from './errors/session-serialization.error.js';
export { SessionStaleError } from './errors/session-stale.error.js';
export { SessionTooLargeError } from './errors/session-too-large.error.js';
export { SessionSignInRequiredError, SessionSignInTooOldError } from './errors/session-sign-in.error.js';
export { SessionTooManyFieldsError } from './errors/session-too-many-fields.error.js';
export { SessionUnavailableError } from './errors/session-unavailable.error.js';
export type { SessionUnavailableReason } from './errors/session-unavailable.error.js';
export { SessionUnsupportedError } from './errors/session-unsupported.error.js';
export { SessionUserIdError } from './errors/session-user-id.error.js';
export { SessionError, isSessionError } from './errors/session.error.js';
export { RequireRecentSignIn } from './http/recent-sign-in.guard.js';
export { SessionAccess } from './http/session-access.decorator.js';
export {
  CurrentSession,
  InjectSessionRedis,
  SessionId,
  SessionValue,
  sessionDecorators,
} from './http/session.decorators.js';
export type {
  SessionDecorators,
  SessionParameterDecorator,
  SessionParameterMismatch,
} from './http/session.decorators.js';
export type { LiveSession, SessionAccessMode } from './http/session.types.js';
export type { SessionModuleAsyncOptions, SessionOptionsFactory } from './options/async-session.options.js';
export type {
  ClientRedisOptions,
  ClusterRedisOptions,
  RedisLinkOptions,
  RedisNodeOptions,
  SentinelAddressOptions,
  SentinelRedisOptions,
  SessionDurability,
  SessionRedisOptions,
  StandaloneRedisOptions,
} from './options/redis.options.js';
export type {
  RedisSessionStoreOptions,
  SessionCookieOptions,
  SessionEncryptionKey,
  SessionEncryptionOptions,
  SessionMiddlewareOptions,
  SessionMigrationOptions,
  SessionModuleOptions,
  SessionNearCacheOptions,
  SessionRequestCookieOptions,
  SessionStoreOptions,
  SessionUserLimitOptions,
} from './options/session.options.js';
export { SESSION_LIFETIMES } from './options/session-lifetimes.js';
export { SessionDoctor } from './session.doctor.js';
export { createSessionMiddleware } from './session-middleware.js';
export type { SessionMiddleware } from './session-middleware.js';
export { OnSessionEvent, SessionEvents } from './session.events.js';
export type { SessionEventType } from './session.events.js';
export { SessionModule } from './session.module.js';
export type { SessionModuleRegistration } from './session.module.js';
export { SessionService } from './session.service.js';
export type { RegenerateOptions, RevokeOptions, SignOutOptions } from './session.service.options.js';
export type {
  DestroyOptions,
  SessionAuthenticationOptions,
  SessionAuthenticationState,
  SessionRemaining,
} from './session.authentication.js';
export type { SessionSummary } from './store/session-summary.js';
export type { SessionForecast } from './stats/capacity-forecast.js';
export type { SessionInstallationEvent } from './stats/installation-event.js';
export type { SessionCounts, SessionEndReason, SessionFlow } from './stats/session-counts.js';
export type {
  SessionHistory,
  SessionHistoryResolution,
  SessionMemory,
  SessionSample,
} from './stats/session-history.js';
export { SessionInstallationEvents } from './stats/session-installation-events.js';
export type {
  SessionInstallationListener,
  SessionInstallationSubscription,
} from './stats/session-installation-events.js';
export type { SessionUsers } from './stats/session-sampler.js';
export { SessionStats } from './stats/session.stats.js';
export type {
  SessionCapacity,
  SessionHistoryRange,
  SessionInstallation,
  SessionPeak,
  SessionSnapshot,
} from './stats/session.stats.js';
export type { SessionStoreCallback } from './store/callback.js';
export { RedisSessionStore } from './store/redis-session.store.js';
export type { SessionNearCacheStatus } from './store/session-repository.js';
export { SessionStore } from './store/session-store.js';
