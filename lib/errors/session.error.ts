const BRAND = Symbol.for('nestjs-ha-session:error');

/**
 * Class of every error of this package, those that are HTTP exceptions of Nest too ({@link SessionHttpError}).
 *
 * @public
 */
export abstract class SessionError extends Error {
  /** Stable, never renamed after release: match on this. Every code has a row in `docs/errors.md`. */
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    brand(this, new.target.name);
  }

  /** A class can have one base, and some of the errors need Nest's: the brand tells, of another copy of this package too. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return this === SessionError ? isSessionError(value) : Function.prototype[Symbol.hasInstance].call(this, value);
  }
}

/** Whether a value is an error of this package, also of another copy of it. @public */
export function isSessionError(error: unknown): error is SessionError {
  return typeof error === 'object' && error !== null && BRAND in error;
}

/** Makes an error one of this package. @internal */
export function brand(error: Error, name: string): void {
  error.name = name;
  Object.defineProperty(error, BRAND, { value: true });
}
