/**
 * A Lua script as the package carries it: the text is embedded at build time, nothing is read from disk.
 *
 * @internal
 */
export interface Script {
  /** File name without `.lua`, for errors and traces. */
  readonly name: string;
  /** The whole text, includes resolved. */
  readonly text: string;
  /** SHA-1 of `text` in lower-case hex, as `EVALSHA` wants it. */
  readonly sha1: string;
  /** Whether the script changes data: such a script is idempotent and takes `notAfterMs` as its first argument. */
  readonly isWrite: boolean;
}
