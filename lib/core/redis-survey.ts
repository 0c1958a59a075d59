/** The answers of one data node. A fact that the server does not tell is missing, never assumed. @public */
export interface RedisNodeSurvey {
  /** `host:port`, as this process reaches it. */
  readonly address: string;
  /** The reason for which it did not answer, or `null`. */
  readonly error: string | null;
  /** `master`, `slave`, or `null` when the user may not ask. */
  readonly role: string | null;
  /** `INFO`, by field name; empty when the user may not ask. */
  readonly info: ReadonlyMap<string, string>;
  /** Settings that only `CONFIG GET` tells, or `null` when they were not asked for or refused. */
  readonly config: ReadonlyMap<string, string> | null;
  /** Commands that the user may not run, lower case. */
  readonly refused: readonly string[];
  /** Dangerous commands that the user may run, lower case, or `null` when that was not asked for or refused. */
  readonly dangerous: readonly string[] | null;
  /** Whether the connection gave a password. */
  readonly isAuthenticated: boolean;
  /** Whether the connection is encrypted. */
  readonly isEncrypted: boolean;
}

/** The answers of one Sentinel. @public */
export interface RedisSentinelSurvey {
  /** `host:port`, as this process reaches it. */
  readonly address: string;
  /** The reason for which it did not answer, or `null`. */
  readonly error: string | null;
  /** Whether it knows the group. */
  readonly knowsGroup: boolean;
  /** `host:port` of the primary that it names, or `null`. */
  readonly primary: string | null;
  /** `SENTINEL MASTER`, by field name; empty when it may not be asked. */
  readonly settings: ReadonlyMap<string, string>;
  /** Replicas that it lists, each by field name. */
  readonly replicas: readonly ReadonlyMap<string, string>[];
  /** Other Sentinels that it lists, each by field name. */
  readonly peers: readonly ReadonlyMap<string, string>[];
  /** `SENTINEL CKQUORUM`: `null` when it is reached, else the Sentinel's text; `undefined` when it may not be asked. */
  readonly quorumFault: string | null | undefined;
}

/** The Cluster as one of its nodes describes it. @public */
export interface RedisClusterSurvey {
  /** `CLUSTER INFO`, by field name. */
  readonly info: ReadonlyMap<string, string>;
  /** Each master that serves slots. */
  readonly masters: readonly { readonly address: string; readonly slotCount: number; readonly replicaCount: number }[];
}

/** All servers of one installation, each asked at the same time. @public */
export interface RedisSurvey {
  /** The way in which the primary is found. */
  readonly mode: 'standalone' | 'sentinel' | 'cluster' | 'client';
  /** Sentinel's name of the group, or `null`. */
  readonly group: string | null;
  readonly nodes: readonly RedisNodeSurvey[];
  readonly sentinels: readonly RedisSentinelSurvey[];
  /** `null` without a Cluster, or when it may not be asked. */
  readonly cluster: RedisClusterSurvey | null;
}

/** Settings of a survey. @public */
export interface RedisSurveyOptions {
  /** Time that each server has for all its answers. @unit milliseconds */
  readonly timeoutMs: number;
  /**
   * Whether to ask also what the application itself does not need: settings and rights. A user without these rights leaves a
   * line in the server's `ACL LOG` for each question.
   */
  readonly isThorough: boolean;
}
