import type { LinkCommand } from '../../core/session-link.js';
import type { ConnectionLostError } from '../connection/connection-lost.error.js';
import { addressKey } from '../connection/node-address.js';
import type { PrimaryChoice, PrimaryFinder } from './primary-finder.js';
import { PrimaryNode } from './primary-node.js';
import type { RedisConnectionOptions } from '../connection/redis-connection.js';

/** Pause before a node that could not be opened is tried again: at first, and at the most. @unit milliseconds */
const RETRY_MS = { least: 50, most: 1000 };
/** So many attempts follow each other quickly: a server that restarts is in use at once. */
const QUICK_ATTEMPTS = 40;

/** Whom the keeper tells. @internal */
export interface PrimaryKeeperListener {
  onUsable(node: PrimaryNode): void;
  onLost(node: PrimaryNode, reason: string): void;
}

/**
 * Keeps one usable primary open at any time, or looks for one. However many operations notice a loss, it is one loss.
 *
 * @internal
 */
export class PrimaryKeeper {
  /** The primary in use, or `null` while one is looked for. */
  #node: PrimaryNode | null = null;
  #opening: PrimaryNode | null = null;
  #retry: NodeJS.Timeout | undefined;
  /** The node that could not be opened a moment ago. */
  #failedKey: string | null = null;
  #lastError: unknown = undefined;
  /** Attempts that failed in a row. */
  #failures = 0;
  #isClosed = false;

  constructor(
    private readonly finder: PrimaryFinder,
    private readonly options: RedisConnectionOptions,
    /** A change that a server runs when it takes sessions. */
    private readonly probe: LinkCommand,
    private readonly listener: PrimaryKeeperListener,
  ) {
    finder.onChange = () => {
      this.#evaluate();
    };
    // The listener gets nothing before its own constructor is done.
    setImmediate(() => {
      this.#evaluate();
    });
  }

  /** Why no primary could be opened last. */
  get lastError(): unknown {
    return this.#lastError;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    this.finder.close();
    this.#opening?.leave('closed');
    this.#node?.leave('closed');
  }

  #evaluate(): void {
    if (this.#isClosed) return;
    const node = this.#node;
    if (node) {
      const objection = this.finder.objection(node.choice);
      if (objection === null) return;
      node.leave(objection);
      return;
    }
    const choice = this.finder.choose();
    if (choice) this.#open(choice);
  }

  #open(choice: PrimaryChoice): void {
    const key = addressKey(choice.address);
    if (this.#opening?.key === key || this.#failedKey === key) return;
    this.#opening?.leave('another node is the primary');
    const node = new PrimaryNode(choice, this.options);
    this.#opening = node;
    node.open(this.probe).then(
      () => {
        this.#settle(node);
      },
      (error: unknown) => {
        this.#fail(node, error);
      },
    );
  }

  #settle(node: PrimaryNode): void {
    if (this.#opening !== node || this.#isClosed) {
      node.leave('not needed any more');
      return;
    }
    this.#opening = null;
    this.#node = node;
    this.#lastError = undefined;
    this.#failures = 0;
    this.finder.settle(node.choice);
    node.onLost((error) => {
      this.#lose(node, error);
    });
    if (this.#node !== node) return;
    this.listener.onUsable(node);
    this.#evaluate();
  }

  #fail(node: PrimaryNode, error: unknown): void {
    if (this.#opening !== node) return;
    this.#opening = null;
    this.#lastError = error;
    this.#failedKey = node.key;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#failedKey = null;
      this.#evaluate();
    }, this.#pauseMs());
  }

  #pauseMs(): number {
    const isQuick = this.#failures++ < QUICK_ATTEMPTS;
    return isQuick ? RETRY_MS.least : Math.min(RETRY_MS.most, RETRY_MS.least * (this.#failures - QUICK_ATTEMPTS));
  }

  #lose(node: PrimaryNode, error: ConnectionLostError): void {
    if (this.#node !== node || this.#isClosed) return;
    this.#node = null;
    this.#lastError = error;
    this.finder.search();
    this.listener.onLost(node, error.reason);
    this.#evaluate();
  }
}
