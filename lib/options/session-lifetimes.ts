/**
 * Timeouts by the authentication assurance levels of NIST SP 800-63B-4 (July 2025), to spread into the module's options:
 * `SessionModule.forRoot({ ...SESSION_LIFETIMES.aal2, … })`.
 *
 * @remarks The longest that each level allows or recommends: sections 2.1.3, 2.2.3 and 2.3.3. Level 1 asks for no idle timeout.
 * @public
 */
export const SESSION_LIFETIMES = Object.freeze({
  /** 30 days. */
  aal1: Object.freeze({ absoluteTimeoutMs: 2_592_000_000 }),
  /** 24 hours, 1 hour without a request. */
  aal2: Object.freeze({ absoluteTimeoutMs: 86_400_000, idleTimeoutMs: 3_600_000 }),
  /** 12 hours, 15 minutes without a request. */
  aal3: Object.freeze({ absoluteTimeoutMs: 43_200_000, idleTimeoutMs: 900_000 }),
});
