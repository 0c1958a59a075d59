import { SessionError } from './session.error.js';

/** The access that `@SessionAccess` asks for cannot be given there; the handler was not called. A fault of the application: 500. @public */
export class SessionAccessError extends SessionError {
  override readonly code = 'SESSION_ACCESS_UNAVAILABLE';

  constructor(
    /** `shared`, `exclusive`, `readonly` or `none`. */
    readonly mode: string,
    /** Where: `CartController.add`. */
    readonly place: string,
    reason: string,
  ) {
    super(`@SessionAccess('${mode}') of ${place} cannot be kept: ${reason}. The handler was not called.`);
  }
}
