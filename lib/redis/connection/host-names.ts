import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

/** How often a name is resolved again. @unit milliseconds */
const REFRESH_MS = 1000;

/** Resolves one host name to all of its addresses; rejects when that cannot be done. @internal */
export type ResolveHost = (host: string) => Promise<readonly string[]>;

/** Resolves as the system does; the order of the addresses means nothing. @internal */
export function systemResolver(family: number | undefined): ResolveHost {
  return async (host) => {
    const found = await lookup(host, { all: true, family: family ?? 0 });
    return [...new Set(found.map(({ address }) => address))].sort();
  };
}

/**
 * Host names and the addresses that they lead to now. A name that cannot be resolved keeps the addresses it had.
 *
 * @internal
 */
export class HostNames {
  readonly #addresses = new Map<string, readonly string[]>();
  readonly #troubles = new Map<string, string>();
  readonly #resolving = new Set<string>();
  #wanted: ReadonlySet<string> = new Set();
  #timer: NodeJS.Timeout | undefined;

  /** @param onChange - called whenever a name leads elsewhere, or was resolved or not for the first time */
  constructor(
    private readonly resolve: ResolveHost,
    private readonly onChange: () => void,
  ) {}

  /** The addresses of a host: itself when it is one, empty while unknown. */
  addressesOf(host: string): readonly string[] {
    return isIP(host) === 0 ? (this.#addresses.get(host) ?? []) : [host];
  }

  /** Why a host has no address, or `null`. */
  troubleOf(host: string): string | null {
    return this.#troubles.get(host) ?? null;
  }

  /** Resolves these from now on, again and again, and no others. */
  want(hosts: Iterable<string>): void {
    this.#wanted = new Set([...hosts].filter((host) => isIP(host) === 0));
    for (const host of this.#wanted) if (!this.#addresses.has(host)) void this.#refresh(host);
    if (this.#wanted.size === 0 || this.#timer) return;
    this.#timer = setInterval(() => {
      for (const host of this.#wanted) void this.#refresh(host);
    }, REFRESH_MS);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#wanted = new Set();
  }

  async #refresh(host: string): Promise<void> {
    if (this.#resolving.has(host)) return;
    this.#resolving.add(host);
    let addresses = this.#addresses.get(host);
    let trouble: string | undefined;
    try {
      addresses = await this.resolve(host);
    } catch (error) {
      trouble = (error as Error).message;
    }
    this.#resolving.delete(host);
    if (!this.#wanted.has(host)) return;
    const isNews = this.#addresses.get(host)?.join() !== addresses?.join() || this.#troubles.get(host) !== trouble;
    if (addresses) this.#addresses.set(host, addresses);
    if (trouble === undefined) this.#troubles.delete(host);
    else this.#troubles.set(host, trouble);
    if (isNews) this.onChange();
  }
}
