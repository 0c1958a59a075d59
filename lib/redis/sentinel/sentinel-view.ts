import { addressKey, toAddress, type NodeAddress } from '../connection/node-address.js';

/** What one Sentinel says of the primary. @internal */
export interface SentinelView {
  /** Where this process reaches it. */
  readonly primary: NodeAddress;
  /** `host:port` as Sentinel and the nodes name it. */
  readonly name: string;
  /** Rises with every failover; -1 when the Sentinel may not tell. */
  readonly epoch: number;
  /** `master`, `s_down`, `o_down`, `failover_in_progress` … */
  readonly flags: ReadonlySet<string>;
  /** How long ago the primary last answered this Sentinel's ping, or `null` when it may not tell. @unit milliseconds */
  readonly sinceOkPingMs: number | null;
  /** Sentinels there are, this one included. */
  readonly sentinelCount: number;
  /** Replicas that it lists, those that are down included; 0 when it may not tell. */
  readonly replicaCount: number;
  /** Run id of the primary; `null` until the primary has answered its `INFO`, since it was named or the list was reset. */
  readonly runId: string | null;
  /** How many Sentinels must find the primary down before one of them may act; `null` when it may not tell. */
  readonly quorum: number | null;
  /** How long the primary must be silent before it counts as down; `null` when it may not tell. @unit milliseconds */
  readonly downAfterMs: number | null;
  /** When it was asked and when it had answered, on the clock of `performance.now()`. */
  readonly askedAt: number;
  readonly answeredAt: number;
}

/** A replica as one Sentinel sees it. @internal */
export interface SentinelReplica {
  /** Where this process reaches it. */
  readonly address: NodeAddress;
  /** `host:port` as Sentinel and the nodes name it. */
  readonly name: string;
  readonly flags: ReadonlySet<string>;
  /** Run id of its process; `null` until it has answered this Sentinel's `INFO`. */
  readonly runId: string | null;
  /** 0: never promoted; `null` until it has answered this Sentinel's `INFO`: until then Sentinel says 100 of every replica. */
  readonly priority: number | null;
}

/** What one Sentinel lists. @internal */
export interface SentinelInventory {
  /** `null`: it may not tell, or does not know yet. */
  readonly replicas: readonly SentinelReplica[] | null;
  /** `null`: it may not tell. */
  readonly others: readonly { readonly address: NodeAddress; readonly id: string }[] | null;
  /** The id that it has given itself: the same Sentinel may be known by two addresses. */
  readonly id: string | null;
}

/** The inventory of a Sentinel that has told nothing. @internal */
export const NOTHING_TOLD: SentinelInventory = { replicas: null, others: null, id: null };

type Fields = ReadonlyMap<string, string>;

/** The flat `name, value, …` list (or a RESP3 map made flat) that Sentinel answers with. @internal */
export function fieldsOf(reply: unknown): Fields {
  const list = Array.isArray(reply) ? (reply as unknown[]) : [];
  return new Map(
    list.flatMap((name, index) => {
      const text = list[index + 1];
      return index % 2 === 0 && typeof name === 'string' && typeof text === 'string' ? [[name, text] as const] : [];
    }),
  );
}

/** Reads the reply to `SENTINEL MASTER`. @internal */
export function parseView(reply: unknown, askedAt: number, answeredAt: number): SentinelView | null {
  const fields = fieldsOf(reply);
  const primary = addressOf(fields);
  if (!primary) return null;
  return {
    primary,
    name: addressKey(primary),
    epoch: numberOf(fields.get('config-epoch')) ?? -1,
    flags: flagsOf(fields),
    sinceOkPingMs: numberOf(fields.get('last-ok-ping-reply')),
    sentinelCount: (numberOf(fields.get('num-other-sentinels')) ?? 0) + 1,
    replicaCount: numberOf(fields.get('num-slaves')) ?? 0,
    runId: runIdOf(fields),
    quorum: numberOf(fields.get('quorum')),
    downAfterMs: numberOf(fields.get('down-after-milliseconds')),
    askedAt,
    answeredAt,
  };
}

/** Reads the reply to `SENTINEL GET-MASTER-ADDR-BY-NAME`, for a user who may ask nothing else. @internal */
export function parseAddressView(reply: unknown, askedAt: number, answeredAt: number): SentinelView | null {
  if (!Array.isArray(reply)) return null;
  const [host, port] = reply as unknown[];
  const primary = toAddress(host, port);
  if (!primary) return null;
  return {
    primary,
    name: addressKey(primary),
    epoch: -1,
    flags: new Set(),
    sinceOkPingMs: null,
    sentinelCount: 1,
    replicaCount: 0,
    runId: null,
    quorum: null,
    downAfterMs: null,
    askedAt,
    answeredAt,
  };
}

/** Reads the reply to `SENTINEL REPLICAS`; `null` where it was refused. @internal */
export function parseReplicas(reply: unknown): SentinelInventory['replicas'] {
  if (!Array.isArray(reply)) return null;
  return (reply as unknown[]).flatMap((row) => {
    const fields = fieldsOf(row);
    const address = addressOf(fields);
    if (!address) return [];
    const runId = runIdOf(fields);
    const priority = runId === null ? null : (numberOf(fields.get('slave-priority')) ?? 100);
    return [{ address, name: addressKey(address), flags: flagsOf(fields), runId, priority }];
  });
}

/** Reads the reply to `SENTINEL SENTINELS`: the other Sentinels, with the id each has given itself; `null` where it was refused. @internal */
export function parseSentinels(reply: unknown): SentinelInventory['others'] {
  if (!Array.isArray(reply)) return null;
  return (reply as unknown[]).flatMap((row) => {
    const fields = fieldsOf(row);
    const address = addressOf(fields);
    return address ? [{ address, id: fields.get('runid') ?? '' }] : [];
  });
}

function addressOf(fields: Fields): NodeAddress | null {
  return toAddress(fields.get('ip'), fields.get('port'));
}

/** Empty until the server has answered an `INFO`. */
function runIdOf(fields: Fields): string | null {
  const runId = fields.get('runid');
  return runId === undefined || runId === '' ? null : runId;
}

/** A whole number as a server writes it; anything else says nothing. */
function numberOf(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

function flagsOf(fields: Fields): ReadonlySet<string> {
  return new Set((fields.get('flags') ?? '').split(','));
}
