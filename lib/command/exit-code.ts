/** Exit codes of the command line; documented in docs/command-line.md. @internal */
export const EXIT_CODE = {
  /** All is well. */
  FINE: 0,
  /** The doctor has an error, there was nothing to end, a cookie leads to no live session, or no Sentinel fails over. */
  FINDINGS: 1,
  /** The command line is wrong. */
  USAGE: 2,
  /** Redis is out of reach. */
  UNREACHABLE: 3,
} as const;

/** One of {@link EXIT_CODE}. @internal */
export type ExitCode = (typeof EXIT_CODE)[keyof typeof EXIT_CODE];

/** The command line is wrong: the text says what to give. @internal */
export class UsageError extends Error {}
