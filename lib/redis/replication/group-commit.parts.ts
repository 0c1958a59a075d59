import type { LinkCommand } from '../../core/session-link.js';
import type { ReplicaOffset } from '../decisions/confirmation.js';
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

/** What the primary says right after a commit. @internal */
export interface CommitLook {
  /** Replicas that had the commit, as `WAIT` counted. */
  readonly count: number;
  /** Replicas that it listed right after that; `null`: it may not be asked. */
  readonly listed: readonly ReplicaOffset[] | null;
  /** The end of its stream by then. */
  readonly primaryOffset: number;
}

/** The replicas of a `ROLE` by name; `null`: the node may not be asked, or says nothing of them. @internal */
export function listedBy(replicas: readonly ReplicaReport[] | undefined): readonly ReplicaOffset[] | null {
  return replicas?.map(({ address, offset }) => ({ name: addressKey(address), offset })) ?? null;
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
