import type { LinkCommand } from '../../core/session-link.js';
import { addressKey } from '../connection/node-address.js';
import type { ReplicaReport } from '../connection/node-report.js';
import type { PrimaryNode } from '../primary/primary-node.js';
import type { ProvisionalLog } from './provisional-log.js';
import type { ReplicaAuthority } from './replica-authority.js';

/** What a group commit is made of. @internal */
export interface GroupCommitParts {
  readonly node: PrimaryNode;
  readonly authority: ReplicaAuthority;
  /** Whether at least one replica must have a change, whatever is proven. */
  readonly isStrict: boolean;
  /** What was acknowledged on the word of the one who promoted the node. */
  readonly log: ProvisionalLog;
  /** Changes are acknowledged by the primary alone from now on. */
  readonly onDegraded: (reason: string) => void;
  /** Every replica that matters has the changes again. */
  readonly onRecovered: () => void;
}

/** A change to be made. @internal */
export interface Change {
  readonly command: LinkCommand;
  /** Whether it may have been executed before: then it may find itself done and write nothing. */
  readonly isReplay: boolean;
  /** Its stamp, asked for when it is sent. */
  readonly notAfterMs: () => number;
  /** Whether anybody still waits for it; else it is not sent. */
  readonly isWanted: () => boolean;
}

/** A change on its way to the replicas. @internal */
export interface PendingChange extends Change {
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** How a command ended. @internal */
export type Outcome = { readonly reply: unknown } | { readonly error: unknown };

/** Turns a rejection into a value, for many that are looked at together. @internal */
export function settle(promise: Promise<unknown>): Promise<Outcome> {
  return promise.then(
    (reply) => ({ reply }),
    (error: unknown) => ({ error }),
  );
}

/** The same for many at once: with one promise for all of them, since this is where the time of a busy link goes. @internal */
export function settleAll(promises: readonly Promise<unknown>[]): Promise<readonly Outcome[]> {
  return new Promise((resolve) => {
    const outcomes: Outcome[] = [];
    let missing = promises.length;
    const arrive = (index: number, outcome: Outcome): void => {
      outcomes[index] = outcome;
      if (--missing === 0) resolve(outcomes);
    };
    for (const [index, promise] of promises.entries()) {
      promise.then(
        (reply) => {
          arrive(index, { reply });
        },
        (error: unknown) => {
          arrive(index, { error });
        },
      );
    }
  });
}

/** Those of the replicas that are not among the connected ones. @internal */
export function absentOf(required: ReadonlySet<string>, replicas: readonly ReplicaReport[] = []): readonly string[] {
  const connected = new Set(replicas.map(({ address }) => addressKey(address)));
  return [...required].filter((name) => !connected.has(name));
}

/** Those of the replicas that have not confirmed an offset. @internal */
export function behindOf(
  required: ReadonlySet<string>,
  offset: number,
  replicas: readonly ReplicaReport[] = [],
): ReadonlySet<string> {
  const upToDate = new Set(
    replicas.filter((replica) => replica.offset >= offset).map(({ address }) => addressKey(address)),
  );
  return new Set([...required].filter((name) => !upToDate.has(name)));
}

/** Whether any of these is among the connected replicas. @internal */
export function isAnyOf(names: ReadonlySet<string>, replicas: readonly ReplicaReport[] = []): boolean {
  return replicas.some(({ address }) => names.has(addressKey(address)));
}

/** Whether any of these was connected once all changes sent so far had been executed; when in doubt, yes. @internal */
export async function isAnyBack(names: ReadonlySet<string>, node: PrimaryNode): Promise<boolean> {
  try {
    return isAnyOf(names, (await node.tellOfChanges()).replicas);
  } catch {
    return true;
  }
}

/**
 * Whether the node was promoted a moment ago and has been without these since; one that was its replica and left may have been
 * promoted in its turn.
 *
 * @internal
 */
export function isElectedWithout(
  missing: Iterable<string>,
  { authority, node }: Pick<GroupCommitParts, 'authority' | 'node'>,
  seen: ReadonlyMap<string, number>,
): boolean {
  return authority.isElected(node) && ![...missing].some((name) => seen.has(name));
}

/** Why a primary acknowledges alone. @internal */
export function reasonOf(missing: ReadonlySet<string>): string {
  return missing.size === 0 ? 'no replica is known' : `no replica confirms: ${[...missing].join(', ')}`;
}

/** A pause that can be ended early. @internal */
export class Nap {
  #end: (() => void) | undefined;

  /** Resolves after so many milliseconds, or when it is ended. */
  take(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#end = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends the pause that is being taken; bound, so that it can be handed on. */
  readonly end = (): void => this.#end?.();
}
