import type { ToldRole } from '../connection/node-report.js';
import type { PrimaryNode } from '../primary/primary-node.js';

/**
 * Reads that count only once the node has said, after them, that it still is what it was. All reads of one turn of the event
 * loop share the question and what follows from its answer.
 *
 * @internal
 */
export class ReadConfirmation {
  #told: Promise<ToldRole> | undefined;
  #verdict: Promise<void> = Promise.resolve();
  #proof: Promise<void> | undefined;

  /**
   * @param node - what is read from
   * @param isUpToDate - whether what was read before the answer shows to be up to date; throws when it is not
   * @param prove - resolves once it is certain nevertheless; asked for once for all that wait for it
   */
  constructor(
    private readonly node: PrimaryNode,
    private readonly isUpToDate: (told: ToldRole) => boolean,
    private readonly prove: () => Promise<void>,
  ) {}

  /** Reads; resolves with the reply once it is confirmed. @throws what the read, the question or the proof throws. */
  read(run: () => Promise<unknown>): Promise<unknown> {
    const { node } = this;
    const deferredCount = node.deferredCount;
    const reading = run();
    const confirmed = this.#confirm();
    return reading.then((reply) => {
      // A read that went later than it should came after the question.
      const isAskedTooEarly = node.deferredCount !== deferredCount;
      return (isAskedTooEarly ? this.#confirm() : confirmed).then(() => reply);
    });
  }

  #shareProof(): Promise<void> {
    this.#proof ??= this.prove().finally(() => (this.#proof = undefined));
    return this.#proof;
  }

  #confirm(): Promise<void> {
    const told = this.node.tell();
    if (told !== this.#told) {
      this.#told = told;
      this.#verdict = told.then((role) => (this.isUpToDate(role) ? undefined : this.#shareProof()));
      // Nobody asks for it when the reads themselves have failed.
      this.#verdict.catch(() => undefined);
    }
    return this.#verdict;
  }
}
