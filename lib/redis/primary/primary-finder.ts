import type { NodeAddress } from '../connection/node-address.js';

/** A node to use as the primary, and since when that was known. @internal */
export interface PrimaryChoice {
  readonly address: NodeAddress;
  /** Rises with what is known; a node chosen by older knowledge gives way to newer. */
  readonly generation: number;
  /** Whether it proves that it continues the history of the primary before it: it was promoted, not just started. */
  readonly isPromoted: boolean;
}

/**
 * Knows which node is the primary. It holds no connection that sessions travel on.
 *
 * @internal
 */
export interface PrimaryFinder {
  /** Called whenever another answer of `choose` or `objection` is possible. */
  onChange: () => void;
  /** Why no node can be chosen, for an operator; `undefined` when nothing is wrong. */
  readonly trouble: Error | undefined;
  /** The node to use now, or `null` while none is known. */
  choose(): PrimaryChoice | null;
  /** Why a node in use must be left, or `null`. */
  objection(current: PrimaryChoice): string | null;
  /** Tells that a node is in use from now on: nothing is looked for. */
  settle(current: PrimaryChoice): void;
  /** Tells that none is in use from now on: whatever was learned before must be learned again. */
  search(): void;
  close(): void;
}

/** The primary at a fixed address. @internal */
export class FixedFinder implements PrimaryFinder {
  onChange = (): void => undefined;
  readonly trouble = undefined;

  constructor(private readonly address: NodeAddress) {}

  choose(): PrimaryChoice {
    return { address: this.address, generation: 0, isPromoted: false };
  }

  objection(): null {
    return null;
  }

  settle(): void {
    // There is nothing to watch.
  }

  search(): void {
    // There is no other place to look at.
  }

  close(): void {
    // Nothing was opened.
  }
}
