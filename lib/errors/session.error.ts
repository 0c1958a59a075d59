const BRAND = Symbol.for('nestjs-ha-session:error');

/**
 * Base of every error this package throws.
 *
 * @public
 */
export abstract class SessionError extends Error {
  /** Stable, never renamed after release: match on this. Every code has a row in `docs/errors.md`. */
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** Whether a value is an error of this package, also of another copy of it. @public */
export function isSessionError(error: unknown): error is SessionError {
  return typeof error === 'object' && error !== null && BRAND in error;
}
