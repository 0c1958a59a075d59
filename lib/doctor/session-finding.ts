import type { RedisSurvey } from '../core/redis-survey.js';
import type { SessionDurability } from '../options/redis.options.js';

/** Weight of a finding: `error` loses sessions or refuses requests, `warning` does so after one more fault, `info` is good to know. @public */
export type SessionFindingSeverity = 'error' | 'warning' | 'info';

/** One thing that is not as docs/operations.md asks for. @public */
export interface SessionFinding {
  /** Stable name, in kebab case. */
  readonly id: string;
  /** Its weight. */
  readonly severity: SessionFindingSeverity;
  /** The fact, with the server's address and value. */
  readonly what: string;
  /** The consequence. */
  readonly why: string;
  /** The command or setting that mends it. */
  readonly fix: string;
}

/** The application's side of an examination. @public */
export interface SessionDoctorSubject {
  /** @unit milliseconds */
  readonly operationTimeoutMs: number;
  /** @unit milliseconds */
  readonly absoluteTimeoutMs: number | null;
  readonly durability: SessionDurability;
  /** `process.versions.node` */
  readonly nodeVersion: string;
  /** Epoch milliseconds of the examination. */
  readonly nowMs: number;
}

/** All that a check may look at. @internal */
export interface DoctorView {
  readonly survey: RedisSurvey;
  readonly subject: SessionDoctorSubject;
}

/** Looks at one subject and returns its findings. @internal */
export type DoctorCheck = (view: DoctorView) => readonly SessionFinding[];

/** A number among a server's fields, or `null` when it is not told. @internal */
export function numberIn(fields: ReadonlyMap<string, string>, name: string): number | null {
  const text = fields.get(name);
  return text === undefined || text === '' || Number.isNaN(Number(text)) ? null : Number(text);
}
