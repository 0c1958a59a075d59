/** A name of a server, with all that tells which server it means. @internal */
export interface ServerName {
  /** `host:port` as Sentinel or a node names it. */
  readonly name: string;
  /** The run id of the server's process as Sentinel has read it; `null`: unknown. */
  readonly runId: string | null;
  /** `ip:port` that the name leads to; empty while unknown. */
  readonly addresses: readonly string[];
}

/**
 * Which names mean one server: those with one run id, and those that lead to one address.
 *
 * @remarks
 * With host names Sentinel lists the former primary by its name and, once it is a replica, by the address that the new primary
 * sees as well.
 *
 * @returns for each name all names of its server, itself included
 * @internal
 */
export function decideServers(names: readonly ServerName[]): ReadonlyMap<string, ReadonlySet<string>> {
  const servers = new Map<string, Set<string>>();
  const byMark = new Map<string, Set<string>>();
  for (const { name, runId, addresses } of names) {
    const server = servers.get(name) ?? new Set([name]);
    servers.set(name, server);
    for (const mark of [name, ...addresses, ...(runId === null ? [] : [`run id ${runId}`])]) {
      const other = byMark.get(mark);
      if (other && other !== server) merge(other, server, servers, byMark);
      byMark.set(mark, servers.get(name) ?? server);
    }
  }
  return servers;
}

function merge(
  from: Set<string>,
  into: Set<string>,
  servers: Map<string, Set<string>>,
  byMark: Map<string, Set<string>>,
): void {
  for (const name of from) {
    into.add(name);
    servers.set(name, into);
  }
  for (const [mark, server] of byMark) if (server === from) byMark.set(mark, into);
}
